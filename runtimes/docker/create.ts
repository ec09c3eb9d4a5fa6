import { WORKSPACE } from "../common/sandbox-path.ts";
import type { HostTree, OpenContext, Options } from "../contract.ts";
import { GlueError } from "../contract.ts";
import { labelsOf } from "./labels.ts";
import type { Mount } from "./mounts.ts";
import type { Mounts } from "./proof.ts";

/** glue's own folder in every container: made by root, given to the user that commands run as. */
export const PRIVATE = "/var/lib/glue";

/** The unique name of a session's container. */
export function containerName(sessionId: string): string {
  return `glue-${sessionId}`;
}

/** What of the host's tree the container sees, in direct mode. */
export function treeMounts(tree: HostTree): Mount[] {
  const outside = tree.outsideGitDirs.map((path) => ({ source: path, target: path, readOnly: false }));
  return [{ source: tree.top, target: WORKSPACE, readOnly: false }, ...outside];
}

/** What the main process of a container is: a `cat` on an open stdin, which waits for ever and needs nothing. */
export const WAIT: readonly string[] = ["cat"];

/** What a container is created with (engine API, "ContainerCreate"). Commands come in by exec, or by a lane. */
export function containerSpec(
  options: Options,
  context: OpenContext,
  user: string | undefined,
  { tree: treeMounted, others }: Mounts,
  { init, command }: { readonly init: boolean; readonly command: readonly string[] },
): Record<string, unknown> {
  const { sessionId, mode, owner, tree } = context;
  const subfolder = mode === "direct" && tree.subfolder !== "" ? `/${tree.subfolder}` : "";
  const memory = memoryBytes(options["docker.memory"]);
  const cpus = options["docker.cpus"];
  const network = options["docker.network"];
  return {
    Image: options["docker.image"],
    Entrypoint: [],
    Cmd: command,
    OpenStdin: true,
    Tty: false,
    // The engine would make a missing folder, and in a copy nothing may be there before the tree is.
    WorkingDir: `${WORKSPACE}${subfolder}`,
    Labels: labelsOf(
      sessionId,
      mode,
      owner,
      treeMounted.map((mount) => mount.target),
      !options["docker.delete_on_close"],
    ),
    ...(user === undefined ? {} : { User: user }),
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      Init: init,
      // Unlike Binds, mounts take any path and refuse a missing one.
      Mounts: [...treeMounted, ...others].map(({ source, target, readOnly }) => ({
        Type: "bind",
        Source: source,
        Target: target,
        ReadOnly: readOnly,
      })),
      LogConfig: { Type: "none" },
      ...(network === undefined ? {} : { NetworkMode: network }),
      ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
      ...(memory === undefined ? {} : { Memory: memory }),
    },
  };
}

const UNITS: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `512m`, `2g`, `1.5G`: bytes, in Docker's units of 1,024. */
export function memoryBytes(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, number, unit = "b"] = /^(\d+(?:\.\d+)?)([bkmg])?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * (UNITS[unit.toLowerCase()] ?? Number.NaN));
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new GlueError("optionInvalid", `docker.memory: ${JSON.stringify(text)} is no amount of memory.`, {
    hint: "It is a number with b, k, m or g, for instance 512m.",
  });
}

/** The user that commands run as, as the engine takes it; undefined leaves it to the image. */
export function containerUser(option: string | undefined): string | undefined {
  if (option !== "host") return option;
  const uid = process.getuid?.();
  const gid = process.getgid?.();
  if (uid !== undefined && gid !== undefined) return `${uid}:${gid}`;
  throw new GlueError("optionInvalid", "docker.user: host needs a system with user and group numbers.", {
    hint: "Give a uid and gid, for instance 1000:1000.",
  });
}
