import { GlueError } from "../spec/glue-error.ts";
import { type GitOptions, git } from "./git.ts";

/** Answers each line of its stdin with an object. */
export const OBJECTS = ["cat-file", "--batch"] as const;

/** An object; a character of its text stands for a byte (latin1). */
export interface FoundObject {
  readonly id: string;
  readonly text: string;
}

/** The objects that these ids or revisions name, in the order asked for; undefined where there is none. No name holds white space. */
export async function findObjects(options: GitOptions, names: readonly string[]): Promise<(FoundObject | undefined)[]> {
  const stdin = names.map((name) => `${name}\n`).join("");
  const { stdout } = await git(OBJECTS, { ...options, stdin });
  const text = Buffer.from(stdout).toString("latin1");
  const found: (FoundObject | undefined)[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\n", at);
    const [id = "", type, size] = text.slice(at, end).split(" ");
    if (size === undefined && type === "missing") {
      found.push(undefined);
      at = end + 1;
      continue;
    }
    const length = Number(size);
    if (!Number.isSafeInteger(length)) throw new GlueError("gitFailed", `git cannot say what ${id} is.`);
    found.push({ id, text: text.slice(end + 1, end + 1 + length) });
    at = end + 1 + length + 1;
  }
  return found;
}

/** The contents of objects, in the order asked for; a character stands for a byte (latin1). `gitFailed` where one is missing. */
export async function readObjects(options: GitOptions, ids: readonly string[]): Promise<string[]> {
  const found = await findObjects(options, ids);
  return found.map((object, at) => {
    if (object === undefined) throw new GlueError("gitFailed", `git has no object ${ids[at]}.`);
    return object.text;
  });
}
