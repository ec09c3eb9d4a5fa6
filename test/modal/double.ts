import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linesOf } from "../support/lines.ts";
import { pythonOf, type Sdk, sdkEnv } from "../support/modal-sdks.ts";
import { missing, testUnless } from "../support/needs.ts";

export { pythonOf, SDKS, type Sdk } from "../support/modal-sdks.ts";

/** What the double says of itself after each order. */
export interface DoubleState {
  readonly sandboxes: readonly {
    readonly id: string;
    readonly tags: Readonly<Record<string, string>>;
    readonly running: boolean;
    /** The name of its App. */
    readonly app: string;
    /** What it was asked to be like, as the service's own message has it. */
    readonly asked: Readonly<Record<string, unknown>>;
    /** The sandbox's root directory on this machine; its own mounts are not to be seen there. */
    readonly root: string;
  }[];
  /** Where the worker is said to be. */
  readonly router: string;
  /** How often each call of the service was made. */
  readonly calls: Readonly<Record<string, number>>;
  /** Every line of every image that was asked for. */
  readonly images: readonly string[];
}

type DoubleProcess = Bun.Subprocess<"pipe", "pipe", "inherit">;

const TOKEN = { MODAL_TOKEN_ID: "ak-double", MODAL_TOKEN_SECRET: "as-double" };

/** Modal's service on the loopback; runs commands for real. */
export class ModalDouble {
  readonly url: string;
  readonly #process: DoubleProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #folder: string;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(process: DoubleProcess, lines: AsyncIterator<string>, folder: string, url: string) {
    this.#process = process;
    this.#lines = lines;
    this.#folder = folder;
    this.url = url;
  }

  static async start(sdk: Sdk = "newest"): Promise<ModalDouble> {
    const folder = mkdtempSync(join(tmpdir(), "glue-modal-double-"));
    const main = join(import.meta.dir, "..", "doubles", "modal", "main.py");
    const process = Bun.spawn([pythonOf(sdk), "-B", main, folder, TOKEN.MODAL_TOKEN_ID, TOKEN.MODAL_TOKEN_SECRET], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    const lines = linesOf(process.stdout);
    const first = await lines.next();
    if (first.done) throw new Error("the double did not start");
    const { url } = JSON.parse(first.value) as { url: string };
    return new ModalDouble(process, lines, folder, url);
  }

  /** Of the process that is the whole service. */
  get pid(): number {
    return this.#process.pid;
  }

  /** What a client of the double has in its environment; nothing of this machine's own account. */
  env(sdk: Sdk = "newest"): Record<string, string> {
    return {
      ...TOKEN,
      MODAL_SERVER_URL: this.url,
      MODAL_CONFIG_PATH: join(this.#folder, "no-such.toml"),
      MODAL_DISABLE_API_PROXY: "1",
      ...sdkEnv(sdk),
    };
  }

  state(): Promise<DoubleState> {
    return this.#order({ do: "state" });
  }

  /** Makes something go wrong: once, or for ever where the double says so. `null` takes it back. */
  fault(name: string, value: unknown = true): Promise<DoubleState> {
    return this.#order({ do: "fault", name, value });
  }

  /** Ends a sandbox as the service would; every one where none is named. */
  end(how: "timeout" | "idle" | "terminated", sandbox?: string): Promise<DoubleState> {
    return this.#order({ do: "end", how, sandbox });
  }

  /** The worker goes away: nothing listens any more, and every connection is cut. */
  routerDown(): Promise<DoubleState> {
    return this.#order({ do: "router-down" });
  }

  /** The token that workers take until it is renewed is about to expire. */
  shortToken(): Promise<DoubleState> {
    return this.#order({ do: "short-token" });
  }

  /** From now on clients are told that the worker is there. */
  routerAt(url: string): Promise<DoubleState> {
    return this.#order({ do: "router-at", url });
  }

  /** Makes a sandbox of that App that is nobody's of this test. */
  stranger(app: string): Promise<DoubleState> {
    return this.#order({ do: "stranger", app });
  }

  /** A secret with these variables, made before. */
  secret(name: string, env: Readonly<Record<string, string>>): Promise<DoubleState> {
    return this.#order({ do: "secret", name, env });
  }

  /** An image that was made before; `name`, with its tag, where it was published. */
  image(id: string, name?: string): Promise<DoubleState> {
    return this.#order({ do: "image", id, ...(name === undefined ? {} : { name }) });
  }

  async stop(): Promise<void> {
    await this.#process.stdin.end();
    await this.#process.exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #order(order: object): Promise<DoubleState> {
    const answer = this.#turn.then(async () => {
      this.#process.stdin.write(`${JSON.stringify(order)}\n`);
      await this.#process.stdin.flush();
      const line = await this.#lines.next();
      if (line.done) throw new Error("the double has ended");
      return JSON.parse(line.value) as DoubleState;
    });
    this.#turn = answer.catch(() => undefined);
    return answer;
  }
}

/** Why the double cannot run here. */
export const doubleProblem =
  missing("linux") ??
  missing("root") ??
  missing("modal-sdk") ??
  ["unshare", "nsenter", "setpriv", "openssl"]
    .map((name) => (Bun.which(name) ? undefined : `no ${name} on PATH`))
    .find((reason) => reason !== undefined);

/** A test that needs the double; elsewhere it is skipped with the reason. */
export function testWithModal(title: string, run: () => unknown, timeoutMs?: number): void {
  testUnless(doubleProblem, title, run, timeoutMs);
}

/** As `testWithModal`, for what takes long: run where `GLUE_TEST_FULL` is set. */
export function testLongWithModal(title: string, run: () => unknown, timeoutMs?: number): void {
  testUnless(
    doubleProblem ?? (process.env.GLUE_TEST_FULL ? undefined : "slow; set GLUE_TEST_FULL=1"),
    title,
    run,
    timeoutMs,
  );
}
