/**
 * Corners of the round trip. Every one has a row in the table of docs/bootstrap.md and a test of that very name; a unit test holds the
 * two together.
 */
import { expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Home, openHome } from "../../../session/home.ts";
import { glue } from "../../support/glue.ts";
import { type Need, testNeeding, testUnless } from "../../support/needs.ts";
import { openTempDir, whereEnv, whereFlags } from "../../support/roundtrip-on.ts";
import { PLAIN_ENV, sh } from "../../workspace/hand-stage.ts";

/** A test of the corner that the table calls `title`; `unless`: why it has nothing to say here. */
export function corner(title: string, needs: readonly Need[], run: () => unknown, unless?: string): void {
  if (unless === undefined) testNeeding(needs, title, run, 300_000);
  else testUnless(unless, title, run);
}

/** The same for a corner that takes minutes. */
export function slowCorner(title: string, run: () => unknown): void {
  const reason = process.env.GLUE_TEST_FULL === "1" ? undefined : "slow; set GLUE_TEST_FULL=1";
  testUnless(reason, title, run, 900_000);
}

export interface Place {
  readonly root: string;
  /** The user's repository. */
  readonly user: string;
  readonly home: Home;
  /** Runs a script in the user's repository, as the user would. */
  here(script: string): string;
  glue(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
}

export const FSCK = "git fsck --full --strict --no-dangling 2>&1 | sed '/^notice: /d'";

interface Special {
  readonly init?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly home?: string;
}

/** `make` builds the user's repository, in a folder that is one already; `user` and `home` put it and GLUE_HOME elsewhere. */
export function place(make: string, options: Special = {}): Place {
  const root = openTempDir();
  const user = options.user ?? join(root, "user");
  const env = { ...PLAIN_ENV, HOME: join(root, "nobody"), GIT_ALLOW_PROTOCOL: "file", ...whereEnv(), ...options.env };
  for (const folder of [user, env.HOME]) mkdirSync(folder, { recursive: true });
  const here = (script: string) => sh(user, script, env);
  here(`git init -q -b main ${options.init ?? ""} .\n${make}`);
  const home = openHome({ GLUE_HOME: options.home ?? join(root, "home") });
  return { root, user, home, here, glue: (...args) => glue(home, args, { cwd: user, env }) };
}

/** A session that does `work` on a copy; its id, and what glue said. */
export async function session(of: Place, work: string): Promise<{ id: string; said: string }> {
  const ran = await of.glue("run", "--copy", ...whereFlags(), "--", "sh", "-ec", work);
  if (ran.code !== 0) throw new Error(`exit ${ran.code}\n${ran.stdout}\n${ran.stderr}`);
  return { id: sh(of.home.sessions, "ls -t | head -n 1"), said: ran.stderr };
}

/** What glue said when it landed, and the branch. */
export async function landed(of: Place, id: string, ...more: string[]): Promise<{ branch: string; said: string }> {
  const before = state(of);
  const ran = await of.glue("session", "apply", id, ...more);
  if (ran.code !== 0) throw new Error(`exit ${ran.code}\n${ran.stdout}\n${ran.stderr}`);
  expect(state(of)).toBe(before);
  expect(of.here(FSCK)).toBe("");
  return { branch: `glue/${id}`, said: `${ran.stdout}${ran.stderr}` };
}

/** Proves that the landing is refused with these words, and that nothing of the repository is another than before. */
export async function refused(of: Place, id: string, ...words: string[]): Promise<string> {
  const all = "git for-each-ref; find .git -type f ! -name index | LC_ALL=C sort | xargs sha256sum";
  const before = of.here(all);
  const ran = await of.glue("session", "apply", id);
  for (const word of words) expect(ran.stderr).toContain(word);
  expect([ran.code, ran.stdout]).toEqual([1, ""]);
  expect(of.here(all)).toBe(before);
  return ran.stderr;
}

/** What a landing must leave as it is. */
function state(of: Place): string {
  return of.here(
    "GIT_OPTIONAL_LOCKS=0 git status --porcelain -z | sha256sum; git rev-parse -q --verify HEAD || :; sha256sum .git/index || :",
  );
}

/** Every object of the repository in full, as one text. */
export function allObjects(folder: string): string {
  const command = "git cat-file --batch-all-objects --batch --unordered";
  const ran = Bun.spawnSync(["sh", "-ec", command], { cwd: folder, env: PLAIN_ENV });
  expect(ran.exitCode).toBe(0);
  return ran.stdout.toString("latin1");
}
