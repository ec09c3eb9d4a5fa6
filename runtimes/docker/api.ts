import * as v from "valibot";
import { GlueError } from "../contract.ts";
import {
  type Engine,
  type EngineAnswer,
  EngineError,
  type EngineRequest,
  type EngineStream,
  messageOf,
} from "./engine.ts";

/** The newest version of the Engine API whose answers are known here; an older engine is spoken to in its own. */
const NEWEST_KNOWN = "1.44";

const Version = v.object({ ApiVersion: v.string(), KernelVersion: v.optional(v.string(), "") });
const Created = v.object({ Id: v.string() });
const Container = v.object({
  Id: v.string(),
  Name: v.string(),
  Created: v.optional(v.string()),
  State: v.object({
    Status: v.string(),
    Running: v.boolean(),
    Paused: v.optional(v.boolean(), false),
    OOMKilled: v.optional(v.boolean(), false),
    ExitCode: v.optional(v.number(), 0),
    Error: v.optional(v.string(), ""),
  }),
  Config: v.object({
    Image: v.string(),
    User: v.optional(v.string(), ""),
    Labels: v.nullish(v.record(v.string(), v.string())),
    Env: v.optional(v.nullable(v.array(v.string()), []), []),
  }),
  Mounts: v.optional(v.array(v.object({ Destination: v.string(), Source: v.optional(v.string(), "") })), []),
});
const Listed = v.array(
  v.object({
    Id: v.string(),
    Names: v.nullish(v.array(v.string())),
    State: v.string(),
    Status: v.optional(v.string(), ""),
    Created: v.number(),
    Labels: v.nullish(v.record(v.string(), v.string())),
  }),
);
const ExecState = v.object({ Running: v.boolean(), ExitCode: v.nullish(v.number()), Pid: v.optional(v.number(), 0) });
const Info = v.object({
  ServerVersion: v.string(),
  OperatingSystem: v.optional(v.string(), ""),
  Driver: v.optional(v.string(), ""),
  DockerRootDir: v.optional(v.string(), ""),
  /** `N/A` where the engine could not run its init. */
  InitCommit: v.optional(v.object({ ID: v.optional(v.string(), "") }), { ID: "" }),
});
const Image = v.object({
  Id: v.string(),
  Architecture: v.optional(v.string(), ""),
  Size: v.optional(v.number(), 0),
});

export type ContainerState = v.InferOutput<typeof Container>;
export type ListedContainer = v.InferOutput<typeof Listed>[number];
export type EngineInfo = v.InferOutput<typeof Info>;

/** What an exec is created with (engine API, "ExecCreate"). */
export interface ExecSpec {
  readonly Cmd: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Tty?: boolean;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
}

/** The calls of the Engine API that glue makes, their answers checked. Throws `EngineError` where the engine refuses. */
export class DockerApi {
  readonly engine: Engine;
  /** For instance `1.41`; empty means the engine's own choice. */
  readonly version: string;

  /** The kernel that containers run on, as `uname -r` says it; empty where it was not asked for. */
  readonly kernel: string;

  constructor(engine: Engine, version: string, kernel = "") {
    this.engine = engine;
    this.version = version;
    this.kernel = kernel;
  }

  /** Asks the engine what it is, and so whether it is there and which version of the API to speak. */
  static async contact(engine: Engine, deadlineMs: number, signal?: AbortSignal): Promise<DockerApi> {
    const asked = new DockerApi(engine, "");
    const answer = await asked.#json({ method: "GET", path: "/version", deadlineMs, ...(signal ? { signal } : {}) });
    const { ApiVersion, KernelVersion } = v.parse(Version, answer);
    return new DockerApi(engine, older(ApiVersion, NEWEST_KNOWN), KernelVersion);
  }

  async createContainer(name: string, spec: unknown): Promise<string> {
    const answer = await this.#json({
      method: "POST",
      path: "/containers/create",
      query: { name },
      json: spec,
      deadlineMs: 120_000,
    });
    return v.parse(Created, answer).Id;
  }

  async startContainer(id: string): Promise<void> {
    await this.#call({ method: "POST", path: `/containers/${id}/start`, deadlineMs: 120_000 });
  }

  /** Ends it: TERM, then KILL after `graceSeconds`. */
  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    const deadlineMs = graceSeconds * 1_000 + 60_000;
    await this.#call({
      method: "POST",
      path: `/containers/${id}/stop`,
      query: { t: String(graceSeconds) },
      deadlineMs,
    });
  }

  async restartContainer(id: string, graceSeconds: number): Promise<void> {
    const deadlineMs = graceSeconds * 1_000 + 60_000;
    await this.#call({
      method: "POST",
      path: `/containers/${id}/restart`,
      query: { t: String(graceSeconds) },
      deadlineMs,
    });
  }

  async unpauseContainer(id: string): Promise<void> {
    await this.#call({ method: "POST", path: `/containers/${id}/unpause` });
  }

  /** Kills and removes it with its anonymous volumes. */
  async removeContainer(id: string): Promise<void> {
    await this.#call({
      method: "DELETE",
      path: `/containers/${id}`,
      query: { force: "1", v: "1" },
      deadlineMs: 120_000,
    });
  }

  async inspectContainer(idOrName: string, deadlineMs?: number): Promise<ContainerState> {
    const answer = await this.#json({
      method: "GET",
      path: `/containers/${idOrName}/json`,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    });
    return v.parse(Container, answer);
  }

  /** Every container that carries `label`, running or not. */
  async listContainers(label: string): Promise<ListedContainer[]> {
    const query = { all: "1", filters: JSON.stringify({ label: [label] }) };
    return v.parse(Listed, await this.#json({ method: "GET", path: "/containers/json", query }));
  }

  /** Runs something in a container, and the connection that carries its streams. `id` is the engine's id of the exec. */
  async exec(container: string, spec: ExecSpec): Promise<{ id: string; stream: EngineStream }> {
    let id = "";
    const make = { path: this.#versioned(`/containers/${container}/exec`), json: spec };
    const stream = await this.engine.hijack(make, (answer) => {
      id = v.parse(Created, this.#parse(answer)).Id;
      return { path: this.#versioned(`/exec/${id}/start`), json: { Detach: false, Tty: spec.Tty ?? false } };
    });
    return { id, stream };
  }

  async inspectExec(exec: string): Promise<v.InferOutput<typeof ExecState>> {
    return v.parse(ExecState, await this.#json({ method: "GET", path: `/exec/${exec}/json` }));
  }

  async resizeExec(exec: string, columns: number, rows: number): Promise<void> {
    const query = { h: String(rows), w: String(columns) };
    await this.#call({ method: "POST", path: `/exec/${exec}/resize`, query });
  }

  async inspectImage(reference: string): Promise<v.InferOutput<typeof Image>> {
    return v.parse(Image, await this.#json({ method: "GET", path: `/images/${reference}/json` }));
  }

  async info(): Promise<EngineInfo> {
    return v.parse(Info, await this.#json({ method: "GET", path: "/info" }));
  }

  /** The answer as it comes, for what streams; refusals are thrown. */
  async open(request: EngineRequest): Promise<EngineAnswer> {
    const answer = await this.engine.request({ ...request, path: this.#versioned(request.path) });
    if (answer.status >= 400) throw new EngineError(answer.status, messageOf(answer.status, await answer.text()));
    return answer;
  }

  async #call(request: EngineRequest): Promise<string> {
    return await (await this.open(request)).text();
  }

  async #json(request: EngineRequest): Promise<unknown> {
    return this.#parse(await this.#call(request));
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new GlueError(
        "runtimeUnreachable",
        `What listens at ${this.engine.endpoint.url} does not speak the Engine API.`,
        { cause },
      );
    }
  }

  #versioned(path: string): string {
    return this.version === "" ? path : `/v${this.version}${path}`;
  }
}

/** The older of two versions such as `1.41`; "" is unknown and loses nothing. */
function older(a: string, b: string): string {
  if (!/^\d+\.\d+$/.test(a)) return "";
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA < majorB || (majorA === majorB && minorA < minorB) ? a : b;
}

/** Whether the engine said that there is no such thing. */
export function isMissing(error: unknown): boolean {
  return error instanceof EngineError && error.status === 404;
}
