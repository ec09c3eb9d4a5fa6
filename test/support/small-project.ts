import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "./temp-dir.ts";

/** A program, its library and its tests; the list is numbered from 0 on, and its test says so. sh is all it needs. */
const FILES = {
  "README.md": "# todo\n\n`todo add TEXT`, `todo list`, `todo done NUMBER`.\n",
  ".gitignore": "out/\n",
  todo: `#!/bin/sh
set -eu
. "$(dirname "$0")/lib/store.sh"
case \${1:-list} in
  add) shift; store_add "$*" ;;
  list) store_list ;;
  done) store_done "$2" ;;
  *) echo "todo: unknown command $1" >&2; exit 2 ;;
esac
`,
  "lib/store.sh": `# The list: a line an entry.
file=\${TODO_FILE:-todo.txt}

store_add() { printf '%s\\n' "$1" >>"$file"; }

store_list() {
  number=0
  while read -r entry; do
    printf '%s. %s\\n' "$number" "$entry"
    number=$((number + 1))
  done <"$file"
}

store_done() { sed "$1d" "$file" >"$file.new" && mv "$file.new" "$file"; }
`,
  "test/run.sh": `failed=0
for test in test/*.test.sh; do
  mkdir -p out
  TODO_FILE=out/list; export TODO_FILE; rm -f out/list
  if sh "$test"; then echo "ok $test"; else echo "not ok $test"; failed=$((failed + 1)); fi
done
echo "$failed failed" >&2
[ "$failed" = 0 ]
`,
  "test/add.test.sh": './todo add milk && [ "$(cat out/list)" = milk ]\n',
  "test/list.test.sh": `./todo add milk; ./todo add "white bread"
got=$(./todo list)
[ "$got" = "1. milk
2. white bread" ] || { echo "got: $got" >&2; exit 1; }
`,
  "test/done.test.sh": `./todo add milk; ./todo add bread; ./todo done 1
[ "$(./todo list)" = "1. bread" ] || { echo "got: $(./todo list)" >&2; exit 1; }
`,
} as const;

/** A repository with three commits, and one change that is not committed. */
export function smallProject(): string {
  const cwd = join(tempDir(), "todo");
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(join(cwd, path, ".."), { recursive: true });
    writeFileSync(join(cwd, path), text);
  }
  chmodSync(join(cwd, "todo"), 0o755);
  gitIn(cwd, "init", "-q", "-b", "main");
  for (const [message, ...paths] of [
    ["Start", "README.md", ".gitignore"],
    ["Keep a list", "todo", "lib"],
    ["Test it", "test"],
  ] as const) {
    gitIn(cwd, "add", ...paths);
    gitIn(cwd, "commit", "-qm", message);
  }
  writeFileSync(join(cwd, "README.md"), `${FILES["README.md"]}\nThe list is numbered from 1 on.\n`);
  return cwd;
}

/** What a git of the test's own says, without this machine's configuration. */
export function gitIn(cwd: string, ...args: readonly string[]): string {
  const who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"];
  const { stdout, stderr, exitCode } = Bun.spawnSync(["git", ...who, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? "", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
  });
  if (exitCode !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
  return stdout.toString();
}
