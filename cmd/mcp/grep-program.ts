import { GlueError } from "../../spec/glue-error.ts";
import type { Facts } from "./workshop.ts";

/** What the tool is asked for. */
interface GrepWish {
  readonly pattern: string;
  readonly ignore_case: boolean | undefined;
  readonly literal: boolean | undefined;
  readonly context: number | undefined;
}

/** The command that searches the files whose names it reads, ended by NUL: ripgrep where it is there, else grep, with the same answers. */
export function grepArgv(facts: Facts, wish: GrepWish): readonly [string, ...string[]] {
  const { pattern, ignore_case: ignoreCase = false, literal = false, context = 0 } = wish;
  if (pattern === "") throw wrong("the pattern is empty");
  if (/[\n\0]/.test(pattern)) throw wrong("the pattern is matched line by line, and cannot hold a line feed");
  if (!literal && /(?<!\\)(?:\\\\)*\(\?(?:[=!]|<[=!])/.test(pattern)) throw wrong("it knows no look-around");
  if (!literal && /(?<!\\)(?:\\\\)*\\[1-9]/.test(pattern)) throw wrong("it knows no back-references");
  const flags = [...(ignoreCase ? ["-i"] : []), ...(context > 0 ? ["-C", String(context)] : [])];
  const program = facts.rg
    ? ["rg", "--no-config", "--no-heading", "--color", "never", "--no-messages", "--max-depth", "0", "-nH", ...flags]
    : ["grep", "-sInH", ...flags];
  const how = facts.rg ? (literal ? ["-F"] : []) : literal ? ["-F"] : facts.perlGrep ? ["-P"] : ["-E"];
  const text = facts.rg || literal ? pattern : facts.perlGrep ? `(*UCP)${pattern}` : toExtended(pattern);
  return ["env", "LC_ALL=C.UTF-8", "xargs", "-0", ...program, ...how, "-e", text, "--"];
}

const CLASSES: Readonly<Record<string, string>> = { d: "0-9", s: "[:space:]", w: "[:alnum:]_" };

/** The pattern for a grep that knows POSIX expressions alone. */
function toExtended(pattern: string): string {
  let result = "";
  let inClass = false;
  for (let at = 0; at < pattern.length; at++) {
    const rest = pattern.slice(at);
    const name = rest.startsWith("\\") ? rest[1] : undefined;
    const known = name === undefined ? undefined : CLASSES[name.toLowerCase()];
    if (name !== undefined && known !== undefined) {
      const negated = name !== name.toLowerCase();
      if (inClass && negated) throw wrong(`the sandbox's grep does not know \\${name} in brackets`);
      result += inClass ? known : `[${negated ? "^" : ""}${known}]`;
      at++;
    } else if (name !== undefined) {
      result += inClass && name !== "\\" ? name : rest.slice(0, 2);
      at++;
    } else if (!inClass && rest.startsWith("(?:")) {
      result += "(";
      at += 2;
    } else if (!inClass && /^(?:\(\?|[*+?}]\?)/.test(rest)) {
      throw wrong(`the sandbox's grep does not know "${rest.slice(0, 3)}"`);
    } else {
      if (rest[0] === "[" && !inClass) inClass = true;
      else if (rest[0] === "]" && inClass) inClass = false;
      result += rest[0] ?? "";
    }
  }
  return result;
}

function wrong(why: string): GlueError {
  return new GlueError("optionInvalid", `grep: ${why}.`);
}
