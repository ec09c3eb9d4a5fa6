/** Trees that are staged in tests, and what must be true of every staged tree. */
import { lstatSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { pathText } from "../../workspace/layout.ts";
import { prepareSnapshot } from "../../workspace/snapshot-prepare.ts";
import { type Staged, type StageOptions, stageTree } from "../../workspace/stage.ts";
import { homeInside, testSandbox } from "../support/roundtrip-on.ts";
import type { TestSandbox } from "../support/test-sandbox.ts";
import { PLAIN_ENV, said } from "../workspace/hand-stage.ts";
import { type Case, onDisk } from "../workspace/snapshot-case.ts";

/** A tree with a bit of everything that travels. */
export const RICH = `git init -q -b trunk .
  printf 'one\\r\\ntwo\\n$Id$\\n' >crlf.txt; printf '#!/bin/sh\\n' >run.sh; chmod +x run.sh; head -c 300000 /dev/urandom >binary; : >empty
  mkdir -p src/deep/deeper; echo x >src/deep/deeper/x; ln -s ../../nowhere src/dangling; ln -s /etc/passwd absolute; ln -s src linked
  long=$(printf 'long-%s' $(seq 30)); mkdir -p "$long/$long"; echo long >"$long/$long/$long"; ln -s "$long/$long/$long" longlink
  printf '* text=auto\\n*.txt ident\\n' >.gitattributes; printf '.env\\nbuild/\\n*.tmp\\n' >.gitignore; echo .env >.worktreeinclude
  git add . 2>/dev/null; git commit -qm first; echo force >forced.tmp; git add -f forced.tmp; git commit -qm second
  for name in "$(printf 'new\\nline')" '"quoted"' 'back\\slash' '-dash' ' space ' "$(printf 'bad\\377name')" '*' é; do echo "$name" >"$name"; done
  echo dirty >>crlf.txt; rm empty; echo new >src/new; chmod -x run.sh; echo SECRET=1 >.env; mkdir build; echo o >build/o; echo t >a.tmp
  echo '*.swp' >.git/info/exclude; echo s >a.swp`;

/** The files of a tree, `mode id` by path, without `.git`. */
export function filesOf(top: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (folder: Buffer): void => {
    for (const name of readdirSync(Buffer.concat([Buffer.from(`${top}/`), folder]), { encoding: "buffer" })) {
      if (folder.length === 0 && name.toString() === ".git") continue;
      const path = folder.length === 0 ? name : Buffer.concat([folder, Buffer.from("/"), name]);
      if (lstatSync(Buffer.concat([Buffer.from(`${top}/`), path])).isDirectory()) walk(path);
      else found.set(pathText(path), onDisk(top, path));
    }
  };
  walk(Buffer.alloc(0));
  return found;
}

/** What shall arrive: all but what is ignored, and what is opted in. */
export function expected(of: Case): Record<string, string> {
  const files = filesOf(of.user);
  const list = "git ls-files -z -o -i --exclude-standard";
  const ignored = Bun.spawnSync(["sh", "-c", list], { cwd: of.user, env: of.env })
    .stdout.toString("latin1")
    .split("\0");
  for (const path of ignored) if (path !== ".env") files.delete(pathText(Buffer.from(path, "latin1")));
  return Object.fromEntries(files);
}

export interface Arrived extends Staged {
  readonly box: TestSandbox;
  readonly sessionDir: string;
  inside(script: string): string;
}

/** A folder with the tools that a sandbox needs, and nothing else. */
export function toolsWithoutGit(root: string, more: readonly string[] = []): string {
  const bin = join(root, "bin");
  mkdirSync(bin);
  for (const tool of ["sh", "cat", "mkdir", "kill", "tar", ...more])
    symlinkSync(Bun.which(tool) ?? "", join(bin, tool));
  return bin;
}

let boxes = 0;

/** The name of the folder, below the case's root, that the next sandbox is made in. */
export function nextBox(): string {
  return `box-${boxes + 1}`;
}

export interface StageCaseOptions extends StageOptions {
  /** PATH in the sandbox. */
  readonly path?: string;
  /** Environment of glue itself. */
  readonly hostEnv?: Record<string, string>;
  readonly subfolder?: string;
}

/** Stages a case into a sandbox, the way a session does. */
export async function stage(of: Case, options: StageCaseOptions = {}): Promise<Arrived> {
  const root = join(of.root, `box-${++boxes}`);
  const sessionDir = join(root, "session");
  mkdirSync(sessionDir, { recursive: true });
  const plain = { ...PLAIN_ENV, HOME: homeInside(root) };
  const box = testSandbox(root, { ...plain, ...(options.path === undefined ? {} : { PATH: options.path }) });
  const tree = { top: of.user, subfolder: options.subfolder ?? "", outsideGitDirs: [] };
  const prepared = prepareSnapshot(tree, { glueHome: of.home, sessionDir, hostEnv: options.hostEnv ?? of.env });
  const staged = await stageTree(box, prepared, options);
  return {
    ...staged,
    box,
    sessionDir,
    inside: (script) => said(box.spawn(script, plain), box.paths.workspace, script),
  };
}
