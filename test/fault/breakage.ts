/** One session that works on a copy, and one thing that breaks in it at a random moment: what of its work is left? */
import { mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Home, openHome } from "../../session/home.ts";
import { liveLease } from "../../session/keeper-lease.ts";
import { machineFacts } from "../../session/owner.ts";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder } from "../../session/store.ts";
import { glue, type Ran, REAL_ENGINE, startGlue, until } from "../support/glue.ts";
import { IMAGES } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";
import { leftovers } from "./leftovers.ts";
import { randomFrom } from "./random.ts";

export type Rung = "host" | "docker";

/** What dies: by SIGKILL where it is a process. */
const KINDS = {
  host: ["exec", "keeper", "exec and keeper", "close", "checkpoint", "sandbox"],
  docker: ["exec", "keeper", "exec and keeper", "close", "checkpoint", "container killed", "container removed"],
} as const satisfies Record<Rung, readonly string[]>;
export type Kind = (typeof KINDS)[Rung][number];

/** How it went. Times in milliseconds. */
export interface Outcome {
  readonly seed: number;
  readonly rung: Rung;
  readonly kind: Kind;
  /** `whole`: nothing was lost. `checkpoint`: what a checkpoint had. `too early`: it broke before one was due. */
  readonly saved: "whole" | "checkpoint" | "too early";
  /** From the last change that was saved to the moment it broke. */
  readonly lostMs: number;
  readonly problems: readonly string[];
}

const ENV = {
  host: {
    GIT_AUTHOR_NAME: "A",
    GIT_AUTHOR_EMAIL: "a@example.com",
    GIT_COMMITTER_NAME: "A",
    GIT_COMMITTER_EMAIL: "a@example.com",
  },
  docker: REAL_ENGINE,
} as const;

const ARGS: Record<Rung, readonly string[]> = {
  host: ["-r", "host", "--copy"],
  docker: [
    "-r",
    "docker",
    "--copy",
    "--set",
    `docker.image=${IMAGES["debian-git"]}`,
    "--set",
    "docker.fallback_to_host=false",
  ],
};

export const CHECKPOINT_MS = 1_000;
/** What one checkpoint may take here, on a machine that others use too; a change is lost for that long beyond `CHECKPOINT_MS` at most. */
export const ONE_CHECKPOINT_MS = 4_000;

/** Writes down the time, again and again, in a file whose every version belongs to one moment. */
const WORK = "echo begun; while :; do date +%s%3N >now.new && mv now.new now; sleep 0.05; done";

export async function breakOne(rung: Rung, seed: number): Promise<Outcome> {
  const random = randomFrom(seed);
  const kinds: readonly Kind[] = KINDS[rung];
  const kind = kinds[Math.floor(random() * kinds.length)] ?? "exec";
  const parent = realpathSync(tempDir());
  const home = openHome({ GLUE_HOME: join(parent, "home") });
  const cwd = project(parent);
  const before = fingerprint(cwd);
  const at = (...args: string[]) => glue(home, args, { cwd, env: ENV[rung] });
  const problems: string[] = [];
  const check = (what: string, holds: boolean, ran?: Ran) => {
    if (!holds) problems.push(ran === undefined ? what : `${what}: ${ran.code} ${ran.stdout} ${ran.stderr}`);
  };
  const started = await at(
    "session",
    "start",
    "-q",
    ...ARGS[rung],
    "--set",
    `checkpoint_seconds=${CHECKPOINT_MS / 1_000}`,
  );
  const id = started.stdout.trim();
  try {
    check("it starts", started.code === 0 && started.stderr === "", started);
    await until("the keeper lives", () => keeperOf(home, id) !== undefined);
    const child = startGlue(home, ["exec", "-s", id, "-c", WORK], { cwd, env: ENV[rung] });
    await child.stdout.getReader().read();
    const beganAt = Date.now();
    await Bun.sleep(300 + random() * 5_000);
    const breaking = await breakIt({ rung, kind, home, cwd, id, child, random });
    check("the record can be read", (await at("session", "list", "--json")).code === 0);
    check("the repository is as it was", fingerprint(cwd) === before);
    const isGone = kind === "sandbox" || kind === "container removed";
    const recovered = await at("session", "recover", "--json", id);
    const closed = await at("session", "close", "-q", "--kill-jobs", id);
    child.kill("SIGKILL");
    await child.exited;
    if (!isGone) check("it closes", closed.code === 0, closed);
    const { state } = readMeta(sessionFolder(home, id));
    check(`it is ${state}`, state === (isGone ? "lost" : "closed"));
    const saved = await lastSaved(home, cwd, id, rung, check);
    const lostMs = saved === undefined ? breaking - beganAt : Math.max(0, breaking - saved);
    // What was being written when the sandbox itself was killed is no change yet.
    const whole = !isGone && saved !== undefined && lostMs < 1_500;
    check(`${lostMs} ms are lost`, isGone ? lostMs <= CHECKPOINT_MS + ONE_CHECKPOINT_MS : whole);
    if (isGone && saved !== undefined) check("it is recovered", recovered.code === 0, recovered);
    check("the repository is as it was, but for the branch", fingerprint(cwd) === before);
    const pruned = await at("prune", "--json", "--runtime", rung);
    const mine = JSON.parse(pruned.stdout).items.filter(({ session }: { session: string }) => session === id);
    check(`prune finds nothing: ${JSON.stringify(mine)}`, mine.length === 0);
    check(`nothing is left: ${leftovers(rung, id)}`, leftovers(rung, id).length === 0);
    await until("no keeper is left", () => keeperOf(home, id) === undefined).catch(() =>
      check("no keeper is left", false),
    );
    return {
      seed,
      rung,
      kind,
      saved: whole ? "whole" : saved === undefined ? "too early" : "checkpoint",
      lostMs,
      problems,
    };
  } finally {
    await at("session", "rm", "--force", id);
    rmSync(parent, { recursive: true, force: true });
  }
}

interface Breaking {
  readonly rung: Rung;
  readonly kind: Kind;
  readonly home: Home;
  readonly cwd: string;
  readonly id: string;
  readonly child: ReturnType<typeof startGlue>;
  readonly random: () => number;
}

/** Breaks it; resolves with when it was broken, in milliseconds since 1970. */
async function breakIt({ rung, kind, home, cwd, id, child, random }: Breaking): Promise<number> {
  const killKeeper = () => {
    const keeper = keeperOf(home, id);
    if (keeper !== undefined) process.kill(keeper.pid, "SIGKILL");
  };
  const now = Date.now();
  switch (kind) {
    case "exec":
      child.kill("SIGKILL");
      break;
    case "keeper":
      killKeeper();
      break;
    case "exec and keeper":
      killKeeper();
      child.kill("SIGKILL");
      break;
    case "checkpoint": {
      // In the middle of one, where there is a middle.
      const { checkpoint } = readMeta(sessionFolder(home, id));
      await until(
        "another checkpoint",
        () => readMeta(sessionFolder(home, id)).checkpoint?.at !== checkpoint?.at,
        20_000,
      );
      await Bun.sleep(CHECKPOINT_MS - 100 + random() * 400);
      killKeeper();
      return Date.now();
    }
    case "close": {
      const closing = startGlue(home, ["session", "close", id], { cwd, env: ENV[rung] });
      await Bun.sleep(random() * 1_500);
      closing.kill("SIGKILL");
      await closing.exited;
      // It may have stopped the work before it was killed.
      return now;
    }
    case "sandbox":
      killKeeper();
      // At once, while the work goes on in what is no longer there.
      for (const name of ["workspace", "private"])
        renameSync(join(home.sessions, id, name), join(home.root, `gone-${name}`));
      break;
    case "container killed":
      docker("kill", `glue-${id}`);
      break;
    case "container removed":
      docker("rm", "--force", `glue-${id}`);
      break;
  }
  return now;
}

function docker(...words: string[]): void {
  const done = Bun.spawnSync(["docker", ...words], { env: { ...process.env, ...REAL_ENGINE } });
  if (!done.success) throw new Error(`docker ${words.join(" ")}: ${done.stderr}`);
}

const keeperOf = (home: Home, id: string) => liveLease(sessionFolder(home, id), machineFacts(home.root));

/** The moment that the landed change is of; undefined where nothing was saved. */
async function lastSaved(
  home: Home,
  cwd: string,
  id: string,
  rung: Rung,
  check: (what: string, holds: boolean, ran?: Ran) => void,
): Promise<number | undefined> {
  const applied = await glue(home, ["session", "apply", id], { cwd, env: ENV[rung] });
  if (applied.code !== 0) {
    check(
      "there is nothing to land",
      /No checkpoint|changed nothing|is not on this machine|never|not been captured/.test(applied.stderr),
      applied,
    );
    return undefined;
  }
  const shown = git(cwd, "show", `glue/${id}:now`);
  check("what landed is whole", /^\d{13}\n$/.test(shown));
  return Number(shown);
}

function project(parent: string): string {
  const cwd = join(parent, "project");
  mkdirSync(join(cwd, "src"), { recursive: true });
  for (let n = 0; n < 50; n++) writeFileSync(join(cwd, "src", `file-${n}`), `${n}\n`.repeat(n));
  git(cwd, "init", "-q", "-b", "main");
  git(cwd, "add", ".");
  git(cwd, "commit", "-q", "-m", "first");
  writeFileSync(join(cwd, "src", "file-1"), "changed, and not committed\n");
  writeFileSync(join(cwd, "untracked"), "untracked\n");
  return cwd;
}

function git(cwd: string, ...words: string[]): string {
  const done = Bun.spawnSync(["git", "-c", "user.name=A", "-c", "user.email=a@example.com", ...words], {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", GIT_OPTIONAL_LOCKS: "0" },
  });
  return done.stdout.toString();
}

/** The user's files and repository, but for the branches that glue lands. */
function fingerprint(cwd: string): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const name of readdirSync(cwd, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(join(cwd, ".git")) || path.endsWith("/index") || path.endsWith("/HEAD"))
    .sort()) {
    hash.update(name).update(readFileSync(name));
  }
  hash.update(git(cwd, "rev-parse", "HEAD", "main"));
  return hash.digest("hex");
}
