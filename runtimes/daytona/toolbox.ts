import * as v from "valibot";
import { type ByteStream, GlueError, type SandboxDeath } from "../contract.ts";
import { type ControlPlane, retryAfter } from "./control-plane.ts";
import { resumedDownload } from "./download.ts";
import { deathIn } from "./lifecycle.ts";
import { messageOf } from "./service-errors.ts";
import { type Answer, type Ask, type Transport, TransportError } from "./transport.ts";

const Executed = v.object({ exitCode: v.nullish(v.number()), result: v.nullish(v.string()) });

/** How long a sandbox that is said to run may answer nothing before that is an error. */
const PATIENCE_MS = 60_000;
/** What the waiting between repetitions goes by; milliseconds. Given by tests, in which a minute is no minute. */
export interface Clock {
  now(): number;
  sleep(ms: number): Promise<void>;
}

const REAL_CLOCK: Clock = { now: () => performance.now(), sleep: (ms) => Bun.sleep(ms) };

/** The answer to a call that is made once, on the chance that the sandbox is there already: it is not. */
export class NotYet extends Error {
  override readonly name = "NotYet";
  /** Of the answer; undefined where there was none. */
  readonly status: number | undefined;

  constructor(status?: number) {
    super("The sandbox does not answer yet.");
    this.status = status;
  }
}

/** What such a call may take: nobody waits for long on a chance. What it began in the sandbox goes on. Milliseconds. */
const ONCE_MS = 20_000;

/** A 400 is an answer about the request where it comes again and again from a sandbox that runs. */
const REFUSALS = 4;

/**
 * The service gives a script to zsh where a sandbox has one, which neither splits what is not quoted nor takes a pattern that matches
 * nothing; this makes it a shell like others.
 */
const LIKE_SH = '[ -z "$ZSH_VERSION" ] || emulate sh\n';

export interface ToolboxFacts {
  readonly id: string;
  readonly name: string;
  /** Where commands and files of this sandbox are reached, without a slash at its end. */
  readonly url: string;
}

export interface ExecuteOptions {
  /** What the script may take in the sandbox, whole seconds. */
  readonly seconds: number;
  /** What the script finds in its environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Not repeated: `NotYet` where the sandbox does not answer. */
  readonly once?: boolean;
}

/**
 * The toolbox of one sandbox. Every call here is one that may be repeated, and is: on a lost connection, a fault, too many requests.
 * Before a failure is judged the sandbox's state is asked for, since the proxy answers for a sandbox that is away with whatever it has.
 */
export class Toolbox {
  readonly facts: ToolboxFacts;
  readonly transport: Transport;
  readonly #control: ControlPlane;
  readonly #onDeath: (death: SandboxDeath) => void;
  readonly #clock: Clock;

  constructor(
    transport: Transport,
    control: ControlPlane,
    facts: ToolboxFacts,
    onDeath: (death: SandboxDeath) => void,
    clock: Clock = REAL_CLOCK,
  ) {
    this.transport = transport;
    this.#control = control;
    this.facts = facts;
    this.#onDeath = onDeath;
    this.#clock = clock;
  }

  /** Runs a script to its end and returns what it printed between the lines `:glue:` and `:end:`. It must bear being run twice. */
  async execute(script: string, { seconds, env, signal, once }: ExecuteOptions): Promise<string> {
    for (let torn = 0; ; torn += 1) {
      const ask: Ask = {
        method: "POST",
        url: `${this.facts.url}/process/execute`,
        json: {
          command: `${LIKE_SH}${script}`,
          timeout: Math.ceil(seconds),
          ...(env === undefined ? {} : { envs: env }),
        },
        deadlineMs: once ? ONCE_MS : seconds * 1_000 + 10_000,
        signal,
      };
      const read = async (answer: Answer) => v.parse(Executed, JSON.parse(await answer.text()));
      const answer = await this.#persist(ask, read, once);
      const said = answer.result ?? "";
      const begin = said.indexOf(":glue:\n");
      const end = said.lastIndexOf("\n:end:");
      if (begin >= 0 && end > begin) return said.slice(begin + 7, end + 1);
      if (torn >= 2)
        throw new GlueError(
          "sandboxUnusable",
          `The sandbox ${this.facts.name} cannot run a script: ${said.trim().slice(-300) || `exit code ${answer.exitCode}`}`,
        );
      await Bun.sleep(200);
    }
  }

  /** Uploads one file, in parts and of known length. Makes parents; not atomic. */
  async upload(path: string, bytes: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    const boundary = `glue-${crypto.randomUUID()}`;
    const head = Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="files[0].path"\r\n\r\n${path}\r\n` +
        `--${boundary}\r\nContent-Disposition: form-data; name="files[0].file"; filename="file"\r\nContent-Type: application/octet-stream\r\n\r\n`,
    );
    const body = [head, ...bytes, Buffer.from(`\r\n--${boundary}--\r\n`)];
    const ask: Ask = {
      method: "POST",
      url: `${this.facts.url}/files/bulk-upload`,
      body,
      headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
      deadlineMs: 300_000,
      signal,
    };
    await this.#persist(ask, (answer) => answer.text());
  }

  /**
   * Bytes `offset` to `end` (or the file's) of a file, as they come; a connection that breaks is taken up where it broke. Undefined where
   * the service gives no such file: why, only a look into the sandbox tells.
   */
  async download(path: string, offset: number, end?: number): Promise<ByteStream | undefined> {
    const { transport, facts } = this;
    const url = `${facts.url}/files/download?path=${encodeURIComponent(path)}`;
    return await resumedDownload({ transport, url, name: path, alive: (cause) => this.alive(cause) }, offset, end);
  }

  /** Any other request, with the same patience. */
  call<T>(ask: Omit<Ask, "url"> & { path: string }, read: (answer: Answer) => Promise<T>): Promise<T> {
    const { path, ...rest } = ask;
    return this.#persist({ ...rest, url: `${this.facts.url}${path}` }, read);
  }

  /** Throws `sandboxGone` where the service says so; else returns, whatever it cannot say. */
  async alive(cause: unknown): Promise<void> {
    const { id, name } = this.facts;
    const record = await this.#control.find(id).catch(() => "unknown" as const);
    const death = record === "unknown" ? undefined : deathIn(record, name);
    if (death === undefined) return;
    this.#onDeath(death);
    throw gone(death, cause);
  }

  async #persist<T>(ask: Ask, read: (answer: Answer) => Promise<T>, once = false): Promise<T> {
    const until = this.#clock.now() + PATIENCE_MS;
    let refusals = 0;
    for (let wait = 100; ; wait = Math.min(wait * 2, 2_000)) {
      let problem: unknown;
      try {
        const answer = await this.transport.ask(ask);
        if (answer.status < 300) return await read(answer);
        const message = messageOf(answer.status, await answer.text());
        if (once) throw new NotYet(answer.status);
        if (answer.status === 401 || answer.status === 403) {
          throw new GlueError("authFailed", `Daytona refused a call to the sandbox: ${message} (${answer.status}).`, {
            hint: "Check daytona.api_key (DAYTONA_API_KEY).",
          });
        }
        if (answer.status === 408)
          throw new GlueError(
            "runtimeUnreachable",
            `The sandbox ${this.facts.name} is too slow: a step did not end in time.`,
          );
        refusals += answer.status === 400 || answer.status === 404 ? 1 : 0;
        problem = `${message} (${answer.status})`;
        if (answer.status === 429) wait = Math.max(wait, retryAfter(answer));
      } catch (error) {
        if (error instanceof GlueError) throw error;
        if (!(error instanceof TransportError) && !(error instanceof SyntaxError) && !v.isValiError(error)) throw error;
        if (once) throw new NotYet();
        problem = error;
      }
      await this.alive(problem);
      if (this.#clock.now() > until || refusals >= REFUSALS) {
        const why = problem instanceof Error ? problem.message : String(problem);
        throw new GlueError("runtimeUnreachable", `The sandbox ${this.facts.name} does not respond: ${why}.`, {
          hint: "The service says that it runs: it may be short of memory. Close the session, or look at it in the dashboard.",
          cause: problem,
          retryable: true,
        });
      }
      await this.#clock.sleep(wait);
    }
  }
}

/** A dead sandbox, as an error for whoever wanted something of it. */
export function gone(death: SandboxDeath, cause?: unknown): GlueError {
  return new GlueError("sandboxGone", death.reason, {
    hint: death.final
      ? "Start a new session; glue session recover brings back what was saved."
      : "Its files are still there: glue session close starts it again and saves its change.",
    cause,
  });
}
