import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import embedded from "../../sidecar/glue_modal.py" with { type: "file" };

/**
 * The sidecar as a file that Python can open: what the binary carries is unpacked once to a private folder, under the hash of its content, so
 * that two versions of glue never share one and none is ever changed in place.
 */
export function sidecarFile(home = process.env.GLUE_HOME || join(homedir(), ".glue")): string {
  const bytes = readFileSync(embedded);
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  const folder = join(home, "cache", "sidecar", hash);
  const file = join(folder, "glue_modal.py");
  if (existsSync(file) && readFileSync(file).equals(bytes)) return file;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const part = `${file}.${process.pid}`;
  writeFileSync(part, bytes, { mode: 0o600 });
  renameSync(part, file);
  return file;
}
