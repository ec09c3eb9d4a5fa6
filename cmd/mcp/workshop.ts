import { mkdirSync, rmSync } from "node:fs";
import { join, posix, relative } from "node:path";
import { isInside } from "../../session/host-tree.ts";
import { jobNumbers } from "../../session/job-record.ts";
import type { LiveSession } from "../../session/live-session.ts";
import { refuseOutside } from "../../session/outside.ts";
import { GlueError } from "../../spec/glue-error.ts";
import { SeenFiles } from "./seen-files.ts";
import { JobWork, OwnWork, type Work, within } from "./work.ts";

/** How the tools' session is had. */
export interface SessionSource {
  /** Opens it, or attaches to it. `signal` is aborted when the client goes meanwhile. */
  open(signal: AbortSignal): Promise<LiveSession>;
  /** What becomes of it when the client is gone. */
  finish(session: LiveSession): Promise<void>;
  /** What every command is given. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number | undefined;
  readonly allowOutside: boolean;
}

/** What a sandbox has beside sh. */
export interface Facts {
  readonly bash: boolean;
  readonly git: boolean;
  readonly rg: boolean;
  /** grep knows Perl's regular expressions. */
  readonly perlGrep: boolean;
}

const FACTS = `for p in bash git rg; do ! command -v $p >/dev/null 2>&1 || echo $p; done
! printf x | grep -qP x 2>/dev/null || echo perlGrep`;

/** The session that the tools work in, opened by the first call that needs it, and what they know of it. */
export class Workshop {
  readonly seen = new SeenFiles();
  readonly source: SessionSource;
  /** Says what goes on while the session is being opened. */
  opening = "the session is being opened";
  readonly #stop = new AbortController();
  readonly #works = new Map<string, Work>();
  #session: Promise<LiveSession> | undefined;
  #facts: Promise<Facts> | undefined;
  #numbered = 0;
  #folder: string | undefined;

  constructor(source: SessionSource) {
    this.source = source;
  }

  /**
   * The session, when it is there before `until`. Where opening it failed, the next call tries again; it is never another place
   * than the one asked for.
   */
  async session(call: { readonly until: number; readonly signal: AbortSignal }): Promise<LiveSession> {
    if (this.#stop.signal.aborted) throw new GlueError("cancelled", "The session is being closed.");
    this.#session ??= this.source.open(this.#stop.signal).catch((error: unknown) => {
      this.#session = undefined;
      throw error;
    });
    const opening = this.#session;
    let session: LiveSession | undefined;
    await within(
      opening.then((opened) => {
        session = opened;
      }),
      call.until - performance.now(),
      call.signal,
    );
    // What it failed with, if it did.
    if (this.#session !== opening) return await opening;
    if (session !== undefined) return session;
    throw new GlueError("runtimeUnreachable", `The session is not open yet: ${this.opening}. Nothing was done.`, {
      hint: "Opening it goes on. Make the same call again.",
      retryable: true,
    });
  }

  /** What the sandbox has; asked once. */
  async facts(session: LiveSession): Promise<Facts> {
    this.#facts ??= askFacts(session).catch((error: unknown) => {
      this.#facts = undefined;
      throw error;
    });
    return await this.#facts;
  }

  /** A path that a model gave, absolute, as the sandbox sees it: below the folder that commands start in. */
  path(session: LiveSession, given: string): string {
    if (given === "") throw new GlueError("optionInvalid", "The path is empty.");
    if (given.includes("\0")) throw new GlueError("optionInvalid", "A path cannot hold a NUL character.");
    const path = posix.resolve(session.startFolder, given);
    const { workspace } = session.runtime.paths;
    const { top } = session.meta.tree;
    if (session.meta.mode === "copy" || session.runtime.onHost !== true) {
      const own = posix.join(workspace, relative(top, path));
      if (isInside(path, top) && !isInside(path, workspace) && !(isInside(workspace, top) && top === "/"))
        throw new GlueError("outsideWorkspace", `${path} is a path of the user's machine; the session's is ${own}.`);
    }
    if (!this.source.allowOutside) refuseOutside(session, path);
    return path;
  }

  /** A command whose output this process takes. */
  own(session: LiveSession, start: ConstructorParameters<typeof OwnWork>[2]): OwnWork {
    const folder = join(session.folder.path, "mcp");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#folder = folder;
    this.#numbered++;
    const work = new OwnWork(`c${this.#numbered}`, folder, start);
    this.#works.set(work.id, work);
    return work;
  }

  /** A job of the session, by its number. */
  job(session: LiveSession, number: number): Work {
    const work = new JobWork(session, number);
    this.#works.set(work.id, work);
    return work;
  }

  /** The command of that id; a job may be one that somebody else started in the session. `jobNotFound`. */
  work(session: LiveSession, id: string): Work {
    const known = this.#works.get(id);
    if (known !== undefined) return known;
    if (jobNumbers(session.folder).some((number) => String(number) === id)) return this.job(session, Number(id));
    const ids = [...this.#works.keys()];
    throw new GlueError("jobNotFound", `There is no job ${id}.`, {
      hint: ids.length === 0 ? "No command was started yet." : `The latest are ${ids.slice(-5).join(", ")}.`,
    });
  }

  /** Ends what runs, and gives the session up as its source says. Once. */
  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    const own = [...this.#works.values()].filter((work) => work instanceof OwnWork);
    try {
      // One that could not be opened left nothing, and said so to whoever called.
      const session = await this.#session?.catch(() => undefined);
      if (session === undefined) return;
      await Promise.allSettled(own.map((work) => work.kill()));
      await this.source.finish(session);
    } finally {
      for (const work of own) work.close();
      // Nobody can ask for it any more.
      if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}

async function askFacts(session: LiveSession): Promise<Facts> {
  // Through the session: its first command is what its checkpoints begin with.
  const running = await session.run({ script: FACTS, shell: "sh" }, { cwd: "/" });
  const [text] = await Promise.all([new Response(running.stdout).text(), running.wait()]);
  const found = new Set(text.split("\n"));
  return { bash: found.has("bash"), git: found.has("git"), rg: found.has("rg"), perlGrep: found.has("perlGrep") };
}
