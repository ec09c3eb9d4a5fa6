/** What one run has in its hands: a place, a home, a repository, and a list of what went wrong. */
import { readFileSync } from "node:fs";
import type { Home } from "../../../session/home.ts";
import { readMeta } from "../../../session/read-meta.ts";
import { sessionFolder } from "../../../session/store.ts";
import { type Ran, startGlue, until } from "../../support/glue.ts";
import { keeperOf, type RunHome } from "./home.ts";
import { type Kind, type Place, processesWith, type Rung } from "./place.ts";
import { fingerprint, git } from "./project.ts";

export const CHECKPOINT_MS = 1_000;
/** What one checkpoint may take here, on a machine that others use too; a change is lost for that long beyond `CHECKPOINT_MS` at most. */
export const ONE_CHECKPOINT_MS = 4_000;
/** Nothing that a glue is asked for here takes longer, however busy the machine is. */
const GLUE_MS = 150_000;

/** Writes down the time, again and again, in a file whose every version belongs to one moment: that of a clock that is the same in every sandbox here. */
export const WORK =
  "echo begun; while :; do read -r up _ </proc/uptime; echo $up >now.new && mv now.new now; sleep 0.05; done";

/** Now, in milliseconds, by the clock of `WORK`. */
export const clock = (): number => readTime(readFileSync("/proc/uptime", "utf8"));

/** What `WORK` has written; NaN where that is no time. */
export const readTime = (text: string): number =>
  /^\d+\.\d\d\b/.test(text) ? Number.parseFloat(text) * 1_000 : Number.NaN;

export class Run {
  readonly rung: Rung;
  readonly kind: Kind;
  readonly random: () => number;
  readonly place: Place;
  readonly disk: RunHome;
  readonly home: Home;
  readonly cwd: string;
  readonly problems: string[] = [];
  readonly #before: string;

  constructor(parts: Pick<Run, "rung" | "kind" | "random" | "place" | "disk" | "cwd">) {
    this.rung = parts.rung;
    this.kind = parts.kind;
    this.random = parts.random;
    this.place = parts.place;
    this.disk = parts.disk;
    this.home = parts.disk.home;
    this.cwd = parts.cwd;
    this.#before = fingerprint(parts.cwd);
  }

  start(...args: string[]) {
    return startGlue(this.home, args, { cwd: this.cwd, env: this.place.env });
  }

  /** Runs a glue to its end; one that hangs is a problem of its own. */
  async glue(...args: string[]): Promise<Ran> {
    const child = this.start(...args);
    const late = setTimeout(() => {
      this.problems.push(`glue ${args.join(" ")} hangs`);
      child.kill("SIGKILL");
    }, GLUE_MS);
    const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    clearTimeout(late);
    return { code, stdout, stderr };
  }

  check(what: string, holds: boolean, ran?: Ran): void {
    if (!holds) this.problems.push(ran === undefined ? what : `${what}: ${ran.code} ${ran.stdout} ${ran.stderr}`);
  }

  meta(id: string) {
    return readMeta(sessionFolder(this.home, id));
  }

  /** The words that open a session here. */
  get opening(): string[] {
    return [...this.place.args, "--set", `checkpoint_seconds=${CHECKPOINT_MS / 1_000}`];
  }

  repositoryIsIntact(but = ""): void {
    this.check(`the repository is as it was${but}`, fingerprint(this.cwd) === this.#before);
  }

  /** The moment that the landed change is of; undefined where nothing was saved. */
  async lastSaved(id: string): Promise<number | undefined> {
    const applied = await this.glue("session", "apply", id);
    if (applied.code !== 0) {
      const nothing = /No checkpoint|changed nothing|is not on this machine|never|not been captured/;
      this.check("there is nothing to land", nothing.test(applied.stderr), applied);
      return undefined;
    }
    const shown = git(this.cwd, "show", `glue/${id}:now`);
    this.check("what landed is whole", /^\d+\.\d\d\n$/.test(shown));
    this.repositoryIsIntact(", but for the branch");
    return readTime(shown);
  }

  /** After `prune` nothing of the session lives, and what is somebody else's does. */
  async nothingIsLeft(id: string | undefined): Promise<void> {
    const pruned = await this.glue("prune", "--json", "--runtime", this.rung);
    this.check("prune works", pruned.code === 0, pruned);
    const items = pruned.code === 0 ? JSON.parse(pruned.stdout).items : [];
    const mine = items.filter(({ session }: { session: string }) => session === id);
    this.check(`prune finds nothing: ${JSON.stringify(mine)}`, mine.length === 0);
    if (id !== undefined) {
      let left: readonly string[] = [];
      const gone = async () => {
        left = [...(await this.place.left(id)), ...this.processes(id)];
        return left.length === 0 && keeperOf(this.home, id) === undefined;
      };
      await until("all is gone", gone, 60_000).catch(() => this.check(`left: ${left.join(", ")}`, false));
    }
    this.check("what is somebody else's lives", await this.place.strangerLives());
  }

  /** Everything on this machine that a session has started, by the mark in its environment, and every glue of this home and what it has started. */
  processes(id: string): string[] {
    const marks = [`\0GLUE_COMMAND=${id}_`, `\0GLUE_HOME=${this.home.root}\0`];
    return processesWith((environ) => marks.some((mark) => environ.includes(mark))).map(({ what }) => what);
  }
}
