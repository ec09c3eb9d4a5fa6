/** Random trees of which random patterns leave parts out: what is not on disk survives whatever is done to the rest. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { whereFlags } from "../support/roundtrip-on.ts";
import { sh } from "../workspace/hand-stage.ts";
import { place } from "./corners/corner.ts";
import { attempt, edit, path, runs, start, word } from "./random-tree.ts";

const RUNS = runs(5, 300);
const LIST = "git add -A >/dev/null 2>&1; git ls-files -s -z | tr '\\n\\000' '\\001\\n'";

const pattern = fc.oneof(
  path.map((name) => `/${name}`),
  path.map((name) => `!/${name}`),
  fc.constantFrom("/*", "!/*/", "/d/", "!/d/e/", "*.txt", "!a"),
);

/** `mode id` by path, of lines as `git ls-files -s` prints them. */
function entries(lines: readonly string[]): Map<string, string> {
  return new Map(
    lines
      .filter((line) => line.includes("\t"))
      .map((line) => [line.slice(line.indexOf("\t") + 1), line.slice(0, line.indexOf("\t") - 2)]),
  );
}

test(
  `what a sparse checkout leaves out survives (${RUNS.numRuns} random sessions)`,
  async () => {
    const property = fc.asyncProperty(
      start,
      fc.uniqueArray(pattern, { minLength: 1, maxLength: 4 }),
      fc.array(edit, { maxLength: 3 }),
      fc.array(edit, { minLength: 1, maxLength: 6 }),
      async (make, patterns, dirty, inside) => {
        const of = place(`${make}\necho always >always\ngit add -A\ngit commit -qm start`);
        try {
          of.here(
            `git sparse-checkout set --no-cone ${patterns.map(word).join(" ")} '/always' 2>/dev/null || :\n${attempt(dirty)}`,
          );
          const status = of.here("GIT_OPTIONAL_LOCKS=0 git status --porcelain | sha256sum; sha256sum .git/index");
          const ran = await of.glue(
            "run",
            "--copy",
            ...whereFlags(),
            "--",
            "sh",
            "-c",
            `${LIST}; echo ====; ${attempt(inside)}; ${LIST}`,
          );
          if (ran.code !== 0) throw new Error(ran.stderr);
          if (ran.stderr.includes("No change")) return;
          const [was = [], is = []] = ran.stdout.split("====\n").map((part) => entries(part.split("\n")));
          const id = sh(of.home.sessions, "ls");
          const landed = await of.glue("session", "apply", id);
          expect(of.here("GIT_OPTIONAL_LOCKS=0 git status --porcelain | sha256sum; sha256sum .git/index")).toBe(status);
          if (landed.code !== 0) {
            expect(landed.stderr).toContain("not on your disk");
            return;
          }
          const tracked = entries(of.here("git ls-files -s -z | tr '\\n\\000' '\\001\\n'").split("\n"));
          const wanted = new Map(tracked);
          // What was on disk counts as it is in the sandbox; the rest stays.
          const onDisk = new Set(new Map(was).keys());
          for (const name of tracked.keys()) if (onDisk.has(name) || !isHidden(of, name)) wanted.delete(name);
          for (const [name, entry] of new Map(is)) wanted.set(name, entry);
          const got = entries(
            of
              .here(`git ls-tree -r -z glue/${id} | sed -z 's/ blob / /; s/\\t/ 0\\t/' | tr '\\n\\000' '\\001\\n'`)
              .split("\n"),
          );
          expect([...got].sort()).toEqual([...wanted].sort());
        } finally {
          sh("/", `rm -rf '${of.root}'`);
        }
      },
    );
    await fc.assert(property, RUNS);
  },
  RUNS.numRuns * 20_000,
);

/** Whether the index says that the path is not on disk on purpose. */
function isHidden(of: { here(script: string): string }, name: string): boolean {
  const listed = of.here("git ls-files -t -z | tr '\\n\\000' '\\001\\n'").split("\n");
  return listed.includes(`S ${name}`);
}
