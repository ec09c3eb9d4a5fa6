// What is worked out of an mbox by reading it is what git am makes of it.
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import type { ChangeStore } from "../../workspace/capture-store.ts";
import { FORMAT } from "../../workspace/mbox.ts";
import { proofOf } from "../../workspace/mbox-proof.ts";
import { prepareTrial } from "../../workspace/mbox-trial.ts";
import { diffTrees } from "../../workspace/raw-diff.ts";
import { PLAIN_ENV, sh } from "../workspace/hand-stage.ts";

const parent = mkdtempSync(join(tmpdir(), "glue-proof-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }), 600_000);

/** Content by path; a path that ends with `!` can be run. */
type Files = Readonly<Record<string, string>>;

const GLUE_ENV = {
  ...PLAIN_ENV,
  GIT_AUTHOR_NAME: "glue",
  GIT_AUTHOR_EMAIL: "glue@localhost",
  GIT_COMMITTER_NAME: "glue",
  GIT_COMMITTER_EMAIL: "glue@localhost",
};

/** Whether the change between the two was proven by reading (undefined: only a trial can tell), and what a trial makes of it. */
async function judged(
  before: Files,
  after: Files,
  options: { sha256?: boolean; date?: string; message?: string } = {},
) {
  const folder = mkdtempSync(join(parent, "one-"));
  const objectFormat = options.sha256 ? "sha256" : "sha1";
  const date = options.date ?? "1763799999 +0530";
  const env = { ...GLUE_ENV, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  const commit = (files: Files, message: string) => {
    sh(folder, "rm -rf tree; mkdir tree");
    for (const [name, content] of Object.entries(files)) {
      const path = join(folder, "tree", name.replace(/!$/, ""));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, Buffer.from(content, "latin1"));
      if (name.endsWith("!")) chmodSync(path, 0o755);
    }
    const git = "git --git-dir=git --work-tree=tree -c core.bare=false";
    return sh(folder, `${git} add -A; ${git} commit -q --allow-empty -m '${message}'; ${git} rev-parse HEAD`, env);
  };
  const exact = "* -text -filter -ident -eol -working-tree-encoding";
  sh(folder, `git init -q --bare --object-format=${objectFormat} git; echo '${exact}' >git/info/attributes`);
  const base = commit(before, "start");
  const head = commit(after, options.message ?? "uncommitted work");
  const gitDir = join(folder, "git");
  const tree = sh(gitDir, `git rev-parse '${base}^{tree}'`);
  const store: ChangeStore = {
    gitDir,
    base: { commit: base, tree, parent: null, objectFormat },
    options: { gitDir, config: ["core.bare=true"] },
    bundle: undefined,
  };
  sh(gitDir, `git ${FORMAT.join(" ")} ${base}..${head} >../mbox`);
  const mbox = join(folder, "mbox");
  const meant = { net: await diffTrees(store.options, base, head), commits: [head] };
  const proof = await proofOf(store, meant);
  const trial = await (await prepareTrial(store, meant)).apply(mbox);
  return { read: proof?.(mbox), trial };
}

const LINES = Array.from({ length: 40 }, (_, at) => `line ${at % 7}\n`).join("");

describe("proven by reading", () => {
  const CASES: { title: string; before: Files; after: Files; options?: Parameters<typeof judged>[2] }[] = [
    { title: "an edit", before: { a: LINES, b: "x\n" }, after: { a: LINES.replace("line 3", "new"), b: "x\n" } },
    {
      title: "an edit, in a SHA-256 repository",
      before: { a: LINES },
      after: { a: `${LINES}z\n` },
      options: { sha256: true },
    },
    { title: "edits at both ends, among lines that repeat", before: { a: LINES }, after: { a: `0\n${LINES}line 1\n` } },
    { title: "new files, one of them empty", before: { a: "1\n" }, after: { a: "2\n", "d/x!": LINES, "d/empty": "" } },
    { title: "files that go", before: { a: "1\n", "d/x!": LINES, "d/empty": "" }, after: { a: "2\n" } },
    { title: "a last line that loses its end", before: { a: "1\n2\n" }, after: { a: "1\n2" } },
    { title: "a last line that gets one", before: { a: "1\n2" }, after: { a: "1\n2\n" } },
    { title: "lines before a last one without an end", before: { a: `${LINES}end` }, after: { a: `x${LINES}end` } },
    { title: "a mode, and a mode with content", before: { a: "1\n", b: "1\n" }, after: { "a!": "1\n", "b!": "2\n" } },
    { title: "a file that becomes empty, and one that was", before: { a: "1\n", b: "" }, after: { a: "", b: "1\n" } },
    {
      title: "lines that look like mail and like patches",
      before: { a: LINES },
      after: { a: `From me Mon Sep 17 00:00:00 2001\nSubject: x\n---\n-- \n${LINES}diff --git a/a b/a\n@@ -1 +1 @@\n` },
    },
    {
      title: "bytes that are no text of any encoding",
      before: { a: "\xff\n\xfe\n" },
      after: { a: "\xff\n\xfd\x80\n" },
    },
    {
      title: "a day of one digit, west of Greenwich",
      before: { a: "1\n" },
      after: { a: "2\n" },
      options: { date: "1762000000 -0330" },
    },
  ];
  for (const { title, before, after, options } of CASES) {
    test(title, async () => {
      const { read, trial } = await judged(before, after, options);
      expect(read).toBe(true);
      expect(trial).toEqual({ sameTree: true, exact: true });
    }, 120_000);
  }
});

describe("left to a trial", () => {
  const CASES: { title: string; before: Files; after: Files; options?: Parameters<typeof judged>[2] }[] = [
    { title: "carriage returns", before: { a: "1\r\n2\r\n" }, after: { a: "1\r\n3\r\n" } },
    { title: "binary content", before: { a: "1\n" }, after: { a: "\0\x01\n" } },
    { title: "a file that moves", before: { a: LINES, b: "1\n" }, after: { c: LINES, b: "1\n" } },
    { title: "a name that git quotes", before: { 'a"b': "1\n" }, after: { 'a"b': "2\n" } },
    { title: "a name with a space", before: { "a b": "1\n" }, after: { "a b": "2\n" } },
    { title: "two names that differ in case", before: { a: "1\n", A: "1\n" }, after: { a: "2\n", A: "2\n" } },
    {
      title: "attributes",
      before: { ".gitattributes": "", a: "1\n" },
      after: { ".gitattributes": "* eol=crlf\n", a: "2\n" },
    },
    { title: "another message", before: { a: "1\n" }, after: { a: "2\n" }, options: { message: "own words" } },
    {
      title: "more bytes than are worth reading",
      before: { a: `${"1".repeat(99)}\n`.repeat(85_000) },
      after: { a: `${"1".repeat(99)}\n`.repeat(85_001) },
    },
  ];
  for (const { title, before, after, options } of CASES) {
    test(title, async () => {
      const { read } = await judged(before, after, options);
      expect(read).not.toBe(true);
    }, 120_000);
  }
});

const line = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom("a\n", "b\n", "\n", " \n", "}\n", "-- \n", "---\n", "+x\n", "@@ -1 +1 @@\n"),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("From a Mon Sep 17 00:00:00 2001\n", "diff --git a/f b/f\n", "tab\t\n", "\xe4\xff\n"),
  },
  { weight: 1, arbitrary: fc.constantFrom("cr\r\n", "form\f\n", "x\ry\n", "no end") },
);
const content = fc.array(line, { maxLength: 30 }).map((lines) => lines.join(""));
const files = fc
  .uniqueArray(fc.constantFrom("f", "g!", "d/f", "d/e/g", "with-dash", "+", "@x"), { minLength: 1, maxLength: 4 })
  .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, content]))));

test("whatever is proven by reading is what git am makes", async () => {
  let proven = 0;
  const changed = fc.tuple(files, content, fc.nat(40), fc.boolean(), files).map(([before, middle, at, keep, other]) => {
    const [first = "f", ...rest] = Object.keys(before);
    const old = before[first] ?? "";
    const edited = { ...before, [first]: old.slice(0, at) + middle + old.slice(at) };
    if (keep) return { before, after: { ...other, ...edited } };
    return { before, after: Object.fromEntries([first, ...rest.slice(1)].map((name) => [name, edited[name] ?? ""])) };
  });
  const property = fc.asyncProperty(changed, async ({ before, after }) => {
    const { read, trial } = await judged(before, after);
    if (read !== true) return;
    proven += 1;
    expect(trial).toEqual({ sameTree: true, exact: true });
  });
  const numRuns = Number(process.env.GLUE_TEST_RUNS ?? 40);
  await fc.assert(property, { numRuns });
  expect(proven).toBeGreaterThan(numRuns / 8);
}, 600_000);
