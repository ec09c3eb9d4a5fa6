import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { schemaProblems } from "../support/json-schema.ts";
import { gluePath, type Need } from "../support/needs.ts";

/**
 * Scripts of what a user types and sees, as text. A file holds cases:
 *
 *     == title of a case, a sentence
 *     needs docker image:debian-nogit
 *     write PATH             the lines below, indented by two spaces, are the file
 *     $ command              run by sh, in the case's own folder, with glue on PATH
 *     exit 2                 its exit status; 0 where none is given
 *     stdout REGEX           must match somewhere in it (several are all checked); `.` also matches line ends
 *     no stderr REGEX        must not match
 *     stdout is TEXT         is exactly that line, or lines with \n between them ("stdout is" alone: nothing)
 *     json SCHEMA…           line by line, stdout is valid by a schema of docs/schemas (the last one repeats backwards: `a b` is a…a b)
 *     file PATH REGEX        a file must match
 *     lost                   leave out the check that every session has ended
 *
 * `{WORK}` and `{HOME}` stand for the folder that the command runs in and for $GLUE_HOME.
 */
export interface Case {
  readonly title: string;
  readonly needs: readonly Need[];
  readonly steps: readonly Step[];
  readonly line: number;
}

type Step = { readonly line: number } & (
  | { readonly kind: "write"; readonly path: string; readonly text: string }
  | { readonly kind: "run"; readonly command: string; readonly checks: Check[]; exit: number; checkEnded: boolean }
);
interface Check {
  readonly line: number;
  readonly what: string;
  readonly rest: string;
}

/** Reads a script file. A line that is not understood is an error: a check that is not made would look like one that passed. */
export function parseScript(text: string, file: string): Case[] {
  const cases: { title: string; needs: Need[]; steps: Step[]; line: number }[] = [];
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const number = i + 1;
    const fail = (why: string): never => {
      throw new Error(`${file}:${number}: ${why}: ${line}`);
    };
    if (line.trim() === "" || line.startsWith("#")) continue;
    if (line.startsWith("== ")) {
      cases.push({ title: line.slice(3), needs: [], steps: [], line: number });
      continue;
    }
    const current = cases.at(-1) ?? fail("no case yet");
    const last = current.steps.at(-1);
    const [word = "", ...words] = line.split(" ");
    if (word === "needs") current.needs.push(...(words as Need[]));
    else if (word === "write") {
      const body: string[] = [];
      while (lines[i + 1]?.startsWith("  ")) body.push((lines[++i] ?? "").slice(2));
      current.steps.push({ kind: "write", line: number, path: words.join(" "), text: `${body.join("\n")}\n` });
    } else if (word === "$") {
      current.steps.push({ kind: "run", line: number, command: line.slice(2), checks: [], exit: 0, checkEnded: true });
    } else if (last?.kind !== "run") fail("a check needs a command before it");
    else if (word === "exit") last.exit = Number(words[0]);
    else if (word === "lost") last.checkEnded = false;
    else if (/^(no )?(stdout|stderr|json|file)( |$)/.test(line)) {
      const what = /^(no )?\w+/.exec(line)?.[0] ?? "";
      last.checks.push({ line: number, what, rest: line.slice(what.length + 1) });
    } else fail("not understood");
  }
  return cases;
}

/** Runs a case in an empty folder and throws an `Error` that names the first line that did not come true. */
export async function runCase(one: Case, file: string, folder: string): Promise<void> {
  const work = join(folder, "work");
  const home = join(folder, "home");
  mkdirSync(work);
  const fill = (text: string) => text.replaceAll("{WORK}", work).replaceAll("{HOME}", home);
  for (const step of one.steps) {
    if (step.kind === "write") {
      const path = resolve(work, fill(step.path));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, fill(step.text));
      continue;
    }
    const ran = await runStep(fill(step.command), work, home, folder);
    const problem = (line: number, why: string) =>
      new Error(
        `${file}:${line}: ${why}\n$ ${step.command}\nexit ${ran.exit}\n--- stdout\n${ran.stdout}\n--- stderr\n${ran.stderr}`,
      );
    if (ran.exit !== step.exit) throw problem(step.line, `expected exit ${step.exit}`);
    for (const check of step.checks) {
      const why = failed(check.what, fill(check.rest), ran, work);
      if (why !== undefined) throw problem(check.line, why);
    }
    const open = step.checkEnded ? unfinishedSessions(home) : [];
    if (open.length > 0) throw problem(step.line, `sessions are left: ${open.join(", ")}`);
  }
}

interface Ran {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function runStep(command: string, work: string, home: string, folder: string): Promise<Ran> {
  const child = Bun.spawn(["sh", "-c", command], {
    cwd: work,
    env: userEnvironment(home, folder),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 100_000,
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exit: await child.exited, stdout, stderr };
}

/** What a user's shell would have: glue on PATH, a home, a git identity, and nothing of the machine's own configuration. */
export function userEnvironment(home: string, folder: string): Record<string, string> {
  return {
    PATH: `${dirname(gluePath())}:${process.env.PATH ?? "/usr/bin:/bin"}`,
    HOME: folder,
    GLUE_HOME: home,
    LANG: "C.UTF-8",
    TZ: "UTC",
    TERM: "xterm",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "A User",
    GIT_AUTHOR_EMAIL: "user@example.com",
    GIT_COMMITTER_NAME: "A User",
    GIT_COMMITTER_EMAIL: "user@example.com",
    ...(process.env.DOCKER_HOST === undefined ? {} : { DOCKER_HOST: process.env.DOCKER_HOST }),
  };
}

function failed(what: string, rest: string, ran: Ran, work: string): string | undefined {
  switch (what) {
    case "stdout":
    case "stderr": {
      const text = ran[what];
      if (rest === "is") return text === "" ? undefined : `${what} is not empty`;
      if (rest.startsWith("is "))
        return text === `${rest.slice(3).replaceAll("\\n", "\n")}\n` ? undefined : `${what} is another text`;
      return new RegExp(rest, "ms").test(text) ? undefined : `${what} does not match /${rest}/`;
    }
    case "no stdout":
    case "no stderr":
      return new RegExp(rest, "ms").test(ran[what === "no stdout" ? "stdout" : "stderr"])
        ? `${what.slice(3)} matches /${rest}/`
        : undefined;
    case "json":
      return wrongJson(ran.stdout, rest.split(" "));
    case "file": {
      const space = rest.indexOf(" ");
      const path = space < 0 ? rest : rest.slice(0, space);
      const text = readFileSync(resolve(work, path), "utf8");
      return new RegExp(space < 0 ? "" : rest.slice(space + 1), "ms").test(text) ? undefined : `${path} is "${text}"`;
    }
    default:
      throw new Error(`no check is called "${what}"`);
  }
}

function wrongJson(stdout: string, schemas: readonly string[]): string | undefined {
  const lines = stdout.split("\n").slice(0, -1);
  if (lines.length === 0) return "stdout is empty";
  for (const [i, line] of lines.entries()) {
    const schema = (i === lines.length - 1 ? schemas.at(-1) : schemas[0]) ?? "";
    const problems = schemaProblems(JSON.parse(line), schema);
    if (problems.length > 0) return `line ${i + 1} is not as ${schema}.schema.json says: ${problems.join("; ")}`;
  }
  return undefined;
}

/** Sessions whose record does not say that they have ended. */
function unfinishedSessions(home: string): string[] {
  let ids: string[];
  try {
    ids = readdirSync(join(home, "sessions"));
  } catch {
    // Nothing was ever opened.
    return [];
  }
  return ids.filter((id) => {
    const meta = JSON.parse(readFileSync(join(home, "sessions", id, "meta.json"), "utf8")) as { state: string };
    return meta.state !== "closed" && meta.state !== "failed";
  });
}
