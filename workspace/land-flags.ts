/** What in a change deserves a look before it lands: things that run by themselves, that decide what is installed, or that lead elsewhere. */
import { posix } from "node:path";
import { readObjects } from "./cat-file.ts";
import type { GitOptions } from "./git.ts";
import { pathText } from "./layout.ts";
import { diffTrees, type RawEntry, sides } from "./raw-diff.ts";

export interface Flag {
  /** As `pathText` writes it. */
  readonly path: string;
  readonly why: "hook" | "gitSettings" | "ci" | "lockFile" | "execBit" | "linkOutOfTree" | "submodule";
  /** For people. */
  readonly sentence: string;
}

/** The flags of what changed between two trees, in the order of the paths. A deletion is flagged as a change is. */
export async function flagsOf(options: GitOptions, from: string, to: string): Promise<Flag[]> {
  const changes = await diffTrees(options, from, to);
  const links = changes.filter((change) => sides(change).after?.mode === "120000");
  const targets =
    links.length === 0
      ? []
      : await readObjects(
          options,
          links.map((change) => sides(change).after?.id ?? ""),
        );
  const target = new Map(links.map((change, at) => [change, targets[at] ?? ""]));
  return changes.flatMap((change) => flagsOfEntry(change, target.get(change)));
}

function flagsOfEntry(change: RawEntry, target: string | undefined): Flag[] {
  const { before, after } = sides(change);
  const path = pathText(change.path);
  const latin = Buffer.from(change.path).toString("latin1");
  const flags: Flag[] = [];
  const flag = (why: Flag["why"], sentence: string) => flags.push({ path, why, sentence });
  for (const [why, pattern, sentence] of NAMES) if (pattern.test(latin)) flag(why, sentence);
  if (after?.mode === "100755" && before?.mode !== "100755") flag("execBit", "can be run from now on");
  if (target !== undefined && leavesTree(latin, target)) {
    flag("linkOutOfTree", `a link out of the tree, to ${pathText(Buffer.from(target, "latin1"))}`);
  }
  if (after?.mode === "160000" || before?.mode === "160000") flag("submodule", "another commit of a submodule");
  return flags;
}

/** By their path, whatever they hold. */
const NAMES: readonly (readonly [Flag["why"], RegExp, string])[] = [
  [
    "hook",
    /(^|\/)(\.?git-?hooks|\.husky|\.hooks|hooks)\/|(^|\/)(\.pre-commit-config\.yaml|\.?lefthook(-local)?\.(ya?ml|toml|json)|\.overcommit\.yml)$/i,
    "a hook, which git may run",
  ],
  ["gitSettings", /(^|\/)\.(gitattributes|gitmodules|gitconfig|lfsconfig)$/i, "settings that git obeys"],
  [
    "ci",
    /^\.(github\/(workflows|actions)|forgejo|gitea|circleci|buildkite|woodpecker|gitlab\/ci|azure-pipelines|semaphore|teamcity)\/|(^|\/)(\.gitlab-ci\.ya?ml|\.travis\.yml|\.drone\.ya?ml|\.woodpecker\.ya?ml|\.cirrus\.yml|azure-pipelines\.ya?ml|bitbucket-pipelines\.yml|\.?appveyor\.yml|cloudbuild\.ya?ml|Jenkinsfile)$/i,
    "a CI file, which runs where secrets are",
  ],
  [
    "lockFile",
    /(^|\/)(package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|deno\.lock|Cargo\.lock|poetry\.lock|uv\.lock|pdm\.lock|Pipfile\.lock|composer\.lock|Gemfile\.lock|go\.sum|flake\.lock|mix\.lock|pubspec\.lock|Podfile\.lock|Package\.resolved|packages\.lock\.json|gradle\.lockfile)$/i,
    "a lock file, which decides what is installed",
  ],
];

function leavesTree(path: string, target: string): boolean {
  if (target.startsWith("/")) return true;
  const meant = posix.normalize(posix.join(posix.dirname(path), target));
  return meant === ".." || meant.startsWith("../");
}
