/**
 * Random attributes, filters and nested repositories, random work inside, and what must hold whatever it was: what a filter keeps out of a
 * repository is in none of its objects, a landing is whole or leaves no trace, every file is there in a form that git could have given it.
 * GLUE_TEST_RUNS, GLUE_TEST_FULL and GLUE_TEST_SEED as for property.test.ts.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { isGlueError } from "../../spec/glue-error.ts";
import { type CaptureRequest, capture } from "../../workspace/capture.ts";
import { captureUnits } from "../../workspace/capture-units.ts";
import type { Landed } from "../../workspace/land.ts";
import { type LandedAll, landAll } from "../../workspace/land-units.ts";
import { unitPlaces } from "../../workspace/units.ts";
import { PLAIN_ENV, sh } from "../workspace/hand-stage.ts";
import { type Case, makeCase } from "../workspace/snapshot-case.ts";
import { runs } from "./random-tree.ts";
import { stage } from "./stage-case.ts";

const FOLDERS = [".", "sub", "inner"] as const;
const folder = fc.constantFrom(...FOLDERS);
const RULES = ["* text=auto", "*.t eol=crlf", "*.t -text", "*.t text", "d/** text=auto eol=lf", "*.u binary"];
const rule = fc.constantFrom(...RULES);
const name = fc.constantFrom("a.t", "b.t", "c.u", "d/e.t", "x.sec", "y.sec", "d/z.sec");
const line = fc.constantFrom("one\\n", "two\\r\\n", "no end", "nul\\000\\r\\n", "lone\\rreturn\\n");

/** Only `*.sec` ever holds the word, and the filter turns it into another. */
function write(path: string, text: string, operator: string): string {
  const content = path.endsWith(".sec") ? `SECRET ${text}` : text;
  return `mkdir -p d; printf '${content}' ${operator}${path}`;
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(name, line).map(([path, text]) => write(path, text, ">")) },
  { weight: 4, arbitrary: fc.tuple(name, line).map(([path, text]) => write(path, text, ">>")) },
  { weight: 2, arbitrary: name.map((path) => `rm -f ${path}`) },
  { weight: 5, arbitrary: fc.constant("git add -A; git commit -qm work") },
  { weight: 2, arbitrary: rule.map((text) => `echo '${text}' >>.gitattributes`) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "rm -f .gitattributes",
      "sed -i /rot/d .gitattributes; git add -A; git commit -qm unruled",
      "echo '*.sec -filter' >>.gitattributes",
      "cp keep.sec copied.t; git add -A; git commit -qm copied",
      "git rm -qf copied.t; git commit -qm away",
      "git checkout -q --orphan fresh; git commit -qm root",
      "git commit -q -a --amend -m amended",
      "git checkout -q -b side; echo s >side.t; git add -A; git commit -qm side; git checkout -q -; git merge -q --no-edit side",
      "chmod +x a.t",
    ),
  },
);

const repository = fc.record({
  rules: fc.array(rule, { maxLength: 3 }),
  files: fc.uniqueArray(fc.tuple(name, line), { selector: ([path]) => path, maxLength: 4 }),
  dirty: fc.array(fc.tuple(name, line), { maxLength: 2 }),
});
type Repository = typeof repository extends fc.Arbitrary<infer Value> ? Value : never;

const ROT = "tr A-Za-z N-ZA-Mn-za-m";
const FILTER = `git config filter.rot.clean '${ROT}'; git config filter.rot.smudge '${ROT}'`;

/** A commit of the files as git takes them, and as git puts them on the disk. */
function commit({ rules, files }: Repository, more: string): string {
  const written = files.map(([path, text]) => write(path, text, ">")).join("\n");
  return `${FILTER}; printf '%s\\n' '*.sec filter=rot' ${rules.map((text) => `'${text}'`).join(" ")} >.gitattributes
    echo 'SECRET kept' >keep.sec; ${written}\n${more}\ngit add -A 2>/dev/null; git commit -qm start; git ls-files -z | grep -zv '^sub$' | xargs -0 rm -f; git checkout -q -- .`;
}

function make([outer, sub, inner]: readonly [Repository, Repository, Repository]): string {
  const dirty = (repo: Repository) => repo.dirty.map(([path, text]) => write(path, text, ">")).join("\n");
  return `git init -q -b main sub; (cd sub; ${commit(sub, "")})
    git init -q -b main .; ${commit(outer, "")}
    git init -q -b main inner; (cd inner; ${commit(inner, "")}; ${dirty(inner)})
    (cd sub; ${dirty(sub)}); ${dirty(outer)}`;
}

const RUNS = runs(6, 300);

test(
  `whatever attributes and nested repositories there are, nothing gets in that must not (${RUNS.numRuns} random sessions)`,
  async () => {
    let landings = 0;
    const property = fc.asyncProperty(
      fc.tuple(repository, repository, repository),
      fc.array(fc.tuple(folder, step), { maxLength: 10 }),
      async (repositories, steps) => {
        const of = makeCase(make(repositories));
        const state = () => FOLDERS.map((path) => of.here(`cd ${path}; ${STATE}`)).join("\n");
        const before = state();
        const arrived = await stage(of);
        arrived.inside(
          `set +e; { ${steps.map(([path, text]) => `(cd ${path} || exit; ${text})`).join("\n")}\n:\n} >/dev/null 2>&1; true`,
        );
        const request: CaptureRequest = {
          sessionDir: arrived.sessionDir,
          gitDir: join(of.root, "change"),
          base: arrived.base,
          runtimeId: "host",
          sandboxId: "local",
          capBytes: 1e9,
          now: new Date(),
        };
        const outer = await capture(arrived.box, request);
        const { units } = await captureUnits(arrived.box, request);
        const results = [outer, ...units.map(({ result }) => result)];
        if (results.every(({ status }) => status === "nothing")) return;
        const landed = await landOrRefuse(of, request);
        for (const path of FOLDERS) {
          expect(sh(join(of.user, path), "git fsck --full --strict --no-dangling 2>&1 | sed '/^notice: /d'")).toBe("");
          expect(objects(join(of.user, path))).not.toContain("SECRET");
        }
        expect(state()).toBe(before);
        if (landed === undefined) {
          for (const path of FOLDERS) expect(of.here(`git -C ${path} branch --list 'glue/*'`)).toBe("");
          return;
        }
        landings += 1;
        const raw = new Map([[".", { gitDir: request.gitDir, tree: outer.tree }]]);
        for (const { path, place } of unitPlaces(request)) {
          const tree = units.find((unit) => unit.path === path)?.result.tree;
          if (tree !== undefined) raw.set(path, { gitDir: place.gitDir, tree });
        }
        for (const one of [...(landed.outer === undefined ? [] : [{ ...landed.outer, path: "." }]), ...landed.units]) {
          const back = raw.get(one.path);
          if (back === undefined) throw new Error(`${one.path} landed and was not captured`);
          expectForms(of, one, back);
        }
        if (landed.outer !== undefined) {
          const link = of.here(`git ls-tree ${landed.outer.branch} sub | cut -d ' ' -f 3 | cut -f 1`);
          if (link !== "") of.here(`git -C sub cat-file -e ${link}`);
        }
      },
    );
    await fc.assert(property, RUNS);
    expect(landings).toBeGreaterThan(0);
  },
  RUNS.numRuns * 30_000,
);

const STATE =
  "GIT_OPTIONAL_LOCKS=0 git status --porcelain -z | sha256sum; git rev-parse HEAD; git symbolic-ref HEAD; sha256sum .git/index";

async function landOrRefuse(of: Case, request: CaptureRequest): Promise<LandedAll | undefined> {
  try {
    return await landAll({ ...request, sessionId: "s1", target: of.user });
  } catch (error) {
    if (!isGlueError(error, "landRefused")) throw error;
    expect(error.message).toMatch(/out of the filter|keeps out of this repository/);
    return undefined;
  }
}

function objects(path: string): string {
  const ran = Bun.spawnSync(["git", "cat-file", "--batch-all-objects", "--batch"], { cwd: path, env: PLAIN_ENV });
  return ran.stdout.toString("latin1");
}

/** What a capture brought back of one repository. */
interface Raw {
  readonly gitDir: string;
  readonly tree: string;
}

/** Every path is there with its mode, in a form that git could have given it. */
function expectForms(of: Case, { path, branch }: Landed & { path: string }, raw: Raw): void {
  const user = join(of.user, path);
  const [there, here] = [listed(user, "git", branch), listed(user, `git --git-dir='${raw.gitDir}'`, raw.tree)];
  expect([...there].map(([name, { mode }]) => `${mode} ${name}`)).toEqual(
    [...here].map(([name, { mode }]) => `${mode} ${name}`),
  );
  for (const [name, { id, mode }] of there) {
    const was = here.get(name)?.id ?? "";
    if (id === was || mode === "160000") continue;
    const bytes = content(user, `git --git-dir='${raw.gitDir}'`, was);
    const forms = [bytes, bytes.replaceAll("\r\n", "\n")].flatMap((text) => [text, rot(text)]);
    expect(forms).toContain(content(user, "git", id));
  }
}

function listed(cwd: string, git: string, tree: string): Map<string, { mode: string; id: string }> {
  const rows = sh(cwd, `${git} ls-tree -r ${tree}`).split("\n");
  return new Map(
    rows.map((row) => {
      const [mode = "", , id = ""] = row.split(/[ \t]/);
      return [row.slice(row.indexOf("\t") + 1), { mode, id }];
    }),
  );
}

function content(cwd: string, git: string, id: string): string {
  const ran = Bun.spawnSync(["sh", "-ec", `${git} cat-file blob ${id}`], { cwd, env: PLAIN_ENV });
  expect(ran.exitCode).toBe(0);
  return ran.stdout.toString("latin1");
}

function rot(text: string): string {
  return text.replace(/[a-z]/gi, (letter) => {
    const from = letter < "a" ? 65 : 97;
    return String.fromCharCode(((letter.charCodeAt(0) - from + 13) % 26) + from);
  });
}
