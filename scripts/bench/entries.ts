import { CAPTURE_ENTRIES } from "./capture-entries.ts";
import { CHECKPOINT_ENTRIES } from "./checkpoint-entries.ts";
import type { Context, Entry } from "./entry.ts";
import { MCP_ENTRIES } from "./mcp-entries.ts";
import { MODAL_ENTRIES } from "./modal-entries.ts";
import { SNAPSHOT_ENTRIES } from "./snapshot-entries.ts";
import { SPRITES_ENTRIES } from "./sprites-entries.ts";

const GIB = 2 ** 30;
const ZEROS = ["head", "-c", String(GIB), "/dev/zero"];
const IMAGE = "glue-test/debian:nogit";

/** Starting glue, against starting the docker client. */
function startUp(name: string, args: readonly string[], reach: number): Entry {
  return {
    name,
    what: `glue ${args.join(" ")}`,
    against: "docker --version",
    pairs: 40,
    measure: { kind: "time" },
    reach,
    prepare: async ({ glue }) => ({ ours: { argv: [glue, ...args] }, theirs: { argv: ["docker", "--version"] } }),
  };
}

/** All that is measured; `bun run bench NAME…` picks some. */
export const ENTRIES: readonly Entry[] = [
  startUp("version", ["version"], 0.8),
  startUp("capabilities", ["capabilities", "--json"], 1.0),
  startUp("run-host", ["run", "-r", "host", "--", "true"], 2.0),
  {
    name: "exec-docker",
    what: "glue exec -- true in an open session",
    against: "docker exec CONTAINER true",
    pairs: 100,
    measure: { kind: "time" },
    reach: 0.95,
    prepare: (context) => inOneContainer(context, ["true"]),
  },
  {
    name: "stdout-docker",
    what: "glue exec: 1 GiB of stdout from a container to wc -c",
    against: "docker exec",
    pairs: 5,
    measure: { kind: "throughput", bytes: GIB },
    reach: 0.9,
    memory: { atMostMb: 100, stalled: true },
    prepare: (context) => inOneContainer(context, ZEROS, "wc -c"),
  },
  {
    name: "stdout-host",
    what: "glue run -r host: 1 GiB of stdout to wc -c",
    against: "the shell alone",
    pairs: 7,
    measure: { kind: "throughput", bytes: GIB },
    reach: 0.85,
    memory: { atMostMb: 60, stalled: true },
    prepare: async ({ glue }) => ({
      ours: { argv: [glue, "run", "-r", "host", "--", ...ZEROS], reader: "wc -c" },
      theirs: { argv: ["sh", "-c", `${ZEROS.join(" ")}; exit $?`], reader: "wc -c" },
    }),
  },
  ...SNAPSHOT_ENTRIES,
  ...SPRITES_ENTRIES,
  ...CAPTURE_ENTRIES,
  ...CHECKPOINT_ENTRIES,
  ...MCP_ENTRIES,
  ...MODAL_ENTRIES,
];

/** Both sides run `argv` in the same container: the one of a session that is open for the folder. */
async function inOneContainer({ glue, output }: Context, argv: readonly string[], reader?: string) {
  const session = await output([glue, "session", "start", "-r", "docker", "--set", `docker.image=${IMAGE}`]);
  const containers = await output(["docker", "ps", "-q", "--filter", `label=dev.glue.session=${session}`]);
  const [container] = containers.split("\n");
  if (!container) throw new Error(`no container carries the session's id ${session}`);
  const read = reader === undefined ? {} : { reader };
  return {
    ours: { argv: [glue, "exec", "--", ...argv], ...read },
    theirs: { argv: ["docker", "exec", container, ...argv], ...read },
    cleanup: async () => void (await output([glue, "session", "close", session])),
  };
}
