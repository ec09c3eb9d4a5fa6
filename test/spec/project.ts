import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generate } from "../../scripts/generate/run.ts";
import { tempDir } from "../support/temp-dir.ts";

const SPEC = join(import.meta.dir, "../../spec");

/** A project that has nothing but the declarations, some of them changed. */
export function project(edits: Record<string, (text: string) => string> = {}): string {
  const root = tempDir();
  mkdirSync(join(root, "spec"));
  for (const name of ["runtime-capabilities.yaml", "errors.yaml", "options"])
    cpSync(join(SPEC, name), join(root, "spec", name), { recursive: true });
  for (const [name, edit] of Object.entries(edits)) {
    const path = join(root, "spec", name);
    const before = readFileSync(path, "utf8");
    const after = edit(before);
    if (after === before) throw new Error(`the edit of ${name} changes nothing`);
    writeFileSync(path, after);
  }
  return root;
}

/** Generates in it, or only looks. */
export function run(root: string, check = false): { status: number; lines: string[] } {
  const lines: string[] = [];
  const status = generate(root, check, (line) => lines.push(line));
  return { status, lines };
}
