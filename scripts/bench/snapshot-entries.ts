import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Context, Entry, Sides } from "./entry.ts";
import { copyOfLarge } from "./large-copy.ts";
import { makeLargeRepository } from "./large-repository.ts";

/**
 * What somebody does who has only git: everything into a fresh git directory, and that into a bundle. Without the gc that `commit`
 * starts behind it for so many objects: it would take its time from the side that is measured next.
 */
const FRESH = `
set -e
fresh=$(mktemp -d "$2/fresh-XXXXXX")
cd "$1"
unset GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY
export GIT_DIR="$fresh/.git"
git init -q
git config core.bare false
git config core.worktree "$1"
git config gc.auto 0
git add -A
git -c user.name=x -c user.email=x@x commit -q -m x
git bundle create -q "$fresh.bundle" --all
wc -c <"$fresh.bundle"
rm -rf "$fresh"`;

/** Changes what a day's work changes: some files, some new ones. */
function makeDirty(repository: string): void {
  for (let at = 0; at < 40; at++) {
    appendFileSync(join(repository, `packages/p${at}/src/m0/file-${at}.ts`), `changed ${at}\n`);
  }
  mkdirSync(join(repository, "new"));
  for (let at = 0; at < 20; at++) writeFileSync(join(repository, "new", `${at}.ts`), `new file ${at}\n`.repeat(200));
}

function snapshotEntry(name: string, what: string, reach: number, options: { dirty: boolean; second: boolean }): Entry {
  return {
    name,
    what: `snapshot and bundle of ${what}`,
    against: "git init, add, commit, bundle in a fresh git directory",
    pairs: 5,
    measure: { kind: "time" },
    reach,
    prepare: async (context): Promise<Sides> => {
      const repository = join(context.folder, "repository");
      await copyOfLarge(context, repository);
      if (options.dirty) makeDirty(repository);
      // The first pair is not counted, and leaves a home behind that has seen the tree.
      const home = options.second ? join(context.folder, "home") : "";
      const ours = [process.execPath, join(import.meta.dir, "snapshot.ts"), repository, home, context.folder];
      const theirs = ["sh", "-c", FRESH, "sh", repository, context.folder];
      const [size, freshSize] = [await context.output(ours), await context.output(theirs)].map(Number);
      const note = `${size} bytes against ${freshSize}: ${((size ?? 0) / (freshSize ?? 1)).toFixed(4)}`;
      return { ours: { argv: ours }, theirs: { argv: theirs }, note };
    },
  };
}

async function copyIntoDocker({ glue, folder, output }: Context): Promise<Sides> {
  const repository = join(folder, "repository");
  await makeLargeRepository(repository, { kind: "source", files: 1_500, bytes: 20_000_000, commits: 50 });
  const image = "glue-test/debian:git";
  await output(["docker", "image", "inspect", image]);
  const argv = [
    glue,
    "run",
    "-q",
    "--copy",
    "-r",
    "docker",
    "--set",
    `docker.image=${image}`,
    "-C",
    repository,
    "--",
    "true",
  ];
  return { ours: { argv }, theirs: { argv: ["docker", "run", "--rm", image, "true"] } };
}

/** A file of a gigabyte that does not compress; the other side sends it into a container by itself. */
function bigFile(name: string, image: string): Entry {
  return {
    name,
    what: `glue run --copy -r docker: a file of 1 GB into ${image}`,
    against: "the file on the stdin of docker run",
    pairs: 1,
    measure: { kind: "time" },
    reach: 10,
    memory: { atMostMb: 150 },
    prepare: async ({ glue, folder, output }) => {
      const tree = join(folder, "tree");
      await output(["sh", "-c", 'mkdir "$1"; head -c 1000000000 /dev/urandom >"$1/big"', "sh", tree]);
      const options = ["-r", "docker", "--copy", "--set", `docker.image=${image}`, "-C", tree];
      return {
        ours: { argv: [glue, "run", "-q", ...options, "--", "true"] },
        theirs: { argv: ["sh", "-c", `docker run -i --rm ${image} sh -c 'cat >/big' <"$1"`, "sh", join(tree, "big")] },
      };
    },
  };
}

/** How the tree gets into a sandbox. */
export const SNAPSHOT_ENTRIES: readonly Entry[] = [
  snapshotEntry("snapshot-clean", "a clean tree (6,000 files, 100 MB)", 0.1, { dirty: false, second: false }),
  snapshotEntry("snapshot-dirty", "a dirty tree (6,000 files, 100 MB)", 0.1, { dirty: true, second: false }),
  snapshotEntry("snapshot-clean-second", "a clean tree, second session", 0.05, { dirty: false, second: true }),
  snapshotEntry("snapshot-dirty-second", "a dirty tree, second session", 0.05, { dirty: true, second: true }),
  {
    name: "copy-docker",
    what: "glue run --copy -r docker -- true (1,500 files, 20 MB)",
    against: "docker run --rm",
    pairs: 10,
    measure: { kind: "time" },
    reach: 3.5,
    prepare: copyIntoDocker,
  },
  bigFile("big-bundle", "glue-test/debian:git"),
  bigFile("big-archive", "glue-test/debian:nogit"),
];
