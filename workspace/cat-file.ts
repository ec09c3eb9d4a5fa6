import { GlueError } from "../spec/glue-error.ts";
import { type GitOptions, git } from "./git.ts";

/** The contents of objects, in the order asked for; a character stands for a byte (latin1). `gitFailed` where one is missing. */
export async function readObjects(options: GitOptions, ids: readonly string[]): Promise<string[]> {
  const { stdout } = await git(["cat-file", "--batch"], { ...options, stdin: ids.map((id) => `${id}\n`).join("") });
  const text = Buffer.from(stdout).toString("latin1");
  const found: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\n", at);
    const size = Number(text.slice(at, end).split(" ")[2]);
    if (!Number.isSafeInteger(size)) throw new GlueError("gitFailed", `git has no object ${text.slice(at, end)}.`);
    found.push(text.slice(end + 1, end + 1 + size));
    at = end + 1 + size + 1;
  }
  return found;
}
