/**
 * Stages a clean repository by hand, with git alone, so that capture and landing are tested without the rest of the way there.
 */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CaptureRequest } from "../../workspace/capture.ts";
import { bundleHead } from "../../workspace/capture-bundle.ts";
import type { StagedBase } from "../../workspace/snapshot-types.ts";
import { testSandbox } from "../support/roundtrip-on.ts";
import type { TestSandbox } from "../support/test-sandbox.ts";

export interface Staged {
  readonly root: string;
  /** The user's repository. */
  readonly user: string;
  readonly sandbox: TestSandbox;
  readonly base: StagedBase;
  readonly request: CaptureRequest;
  /** Runs a script in the workspace, as an agent would; its stdout. `OUT` is a folder outside of the workspace. */
  inside(script: string): string;
  /** Runs a script in the user's repository. */
  here(script: string): string;
}

/** Nothing of this machine's git configuration. */
export const PLAIN_ENV: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? "",
  HOME: "/nonexistent",
  TZ: "UTC",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Ann Author",
  GIT_AUTHOR_EMAIL: "ann@example.org",
  GIT_COMMITTER_NAME: "Carl Committer",
  GIT_COMMITTER_EMAIL: "carl@example.org",
};

/** Runs a script and gives its stdout; a failure fails the test with what it said. */
export function sh(cwd: string, script: string, env: Readonly<Record<string, string>> = PLAIN_ENV): string {
  return said(Bun.spawnSync(["sh", "-ec", script], { cwd, env, stdin: "ignore" }), cwd, script);
}

/** What a script printed, without the white space around it; its failure fails the test. */
export function said(ran: { exitCode: number; stdout: Buffer; stderr: Buffer }, cwd: string, script: string): string {
  if (ran.exitCode !== 0) throw new Error(`exit ${ran.exitCode} in ${cwd}\n${script}\n${ran.stdout}${ran.stderr}`);
  return ran.stdout.toString().trim();
}

/** `make` builds the user's repository (in an initialised one, on branch main); it must leave the tree clean. */
export function handStage(
  parent: string,
  make: string,
  options: { env?: Record<string, string>; sha256?: boolean } = {},
): Staged {
  const root = realpathSync(mkdtempSync(join(parent, "round-")));
  const user = join(root, "user");
  const sessionDir = join(root, "session");
  for (const path of [user, sessionDir]) mkdirSync(path);
  const format = options.sha256 ? "sha256" : "sha1";
  sh(user, `git init -q -b main --object-format=${format} .\n${make}`);
  const commit = sh(user, "git rev-parse HEAD");
  const tree = sh(user, "git rev-parse HEAD^{tree}");
  writeFileSync(join(root, "shallow"), `${commit}\n`);
  writeFileSync(
    join(sessionDir, "base.bundle"),
    bundleHead({ objectFormat: format, needs: [], refs: [{ id: commit, name: "refs/glue/base" }] }),
  );
  sh(user, `echo ${commit} | GIT_SHALLOW_FILE=../shallow git pack-objects --revs --stdout -q >>../session/base.bundle`);
  const sandbox = testSandbox(join(root, "box"), { ...PLAIN_ENV, ...options.env });
  const { here, there } = sandbox.shared;
  const env = { ...PLAIN_ENV, OUT: there, ...options.env };
  const inside = (script: string) => said(sandbox.spawn(script, env), sandbox.paths.workspace, script);
  for (const [from, to] of [
    [join(sessionDir, "base.bundle"), "hand.bundle"],
    [join(root, "shallow"), "hand.shallow"],
  ] as const) {
    copyFileSync(from, join(here, to));
    chmodSync(join(here, to), 0o644);
  }
  const gitDir = join(sandbox.paths.private, "git");
  const pack = `sed '1,/^$/d' '${there}/hand.bundle'`;
  inside(
    `git init -q --bare --object-format=${format} '${gitDir}'
     ${pack} | git --git-dir='${gitDir}' index-pack --stdin >/dev/null
     cp '${there}/hand.shallow' '${gitDir}/shallow'
     mkdir -p '${gitDir}/info'
     echo '* -text -filter -ident -eol -working-tree-encoding' >'${gitDir}/info/attributes'
     git --git-dir='${gitDir}' update-ref refs/glue/base ${commit}
     git init -q -b main --object-format=${format} .
     ${pack} | git index-pack --stdin >/dev/null
     cp '${there}/hand.shallow' .git/shallow
     cp '${gitDir}/info/attributes' .git/info/attributes
     git reset -q --hard ${commit}
     cp -p .git/index '${gitDir}/index'`,
  );
  const base: StagedBase = {
    version: 1,
    strategy: "bundle",
    base: { commit, tree, parent: null, objectFormat: format },
    head: commit,
    headRef: "refs/heads/main",
    dirty: false,
    converted: [],
    units: [],
    included: [],
    ignoreRules: "",
    leftOut: {
      ignored: { files: 0, folders: 0, examples: [] },
      special: [],
      unreadable: [],
      emptyFolders: { count: 0, paths: [] },
      sparse: { count: 0, paths: [] },
    },
    remoteUrl: null,
    host: { top: user, subfolder: "", repository: true, git: "2", gitDir: join(user, ".git") },
    sandbox: { workspace: sandbox.paths.workspace, cwd: sandbox.paths.workspace, git: "2", gitDir },
    bundle: { file: "base.bundle", size: Bun.file(join(sessionDir, "base.bundle")).size },
  };
  const request: CaptureRequest = {
    sessionDir,
    gitDir: join(root, "cache", "capture"),
    base,
    runtimeId: "host",
    sandboxId: "local",
    capBytes: 500_000_000,
    now: new Date("2026-01-02T03:04:05Z"),
  };
  return {
    root,
    user,
    sandbox,
    base,
    request,
    inside,
    here: (script) => sh(user, script),
  };
}
