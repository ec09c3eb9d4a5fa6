import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import start from "../../sidecar/glue_modal.py" with { type: "file" };
import package_ from "../../sidecar/glue_sidecar/__init__.py" with { type: "file" };
import creating from "../../sidecar/glue_sidecar/creating.py" with { type: "file" };
import execs from "../../sidecar/glue_sidecar/execs.py" with { type: "file" };
import failures from "../../sidecar/glue_sidecar/failures.py" with { type: "file" };
import farewell from "../../sidecar/glue_sidecar/farewell.py" with { type: "file" };
import holder from "../../sidecar/glue_sidecar/holder.py" with { type: "file" };
import main from "../../sidecar/glue_sidecar/main.py" with { type: "file" };
import peer from "../../sidecar/glue_sidecar/peer.py" with { type: "file" };
import sdk from "../../sidecar/glue_sidecar/sdk.py" with { type: "file" };
import sharing from "../../sidecar/glue_sidecar/sharing.py" with { type: "file" };
import uploads from "../../sidecar/glue_sidecar/uploads.py" with { type: "file" };
import wire from "../../sidecar/glue_sidecar/wire.py" with { type: "file" };
import work from "../../sidecar/glue_sidecar/work.py" with { type: "file" };

const START = "glue_modal.py";

/** Where each part goes, and where the binary carries it. */
const PARTS: Readonly<Record<string, string>> = {
  [START]: start,
  "glue_sidecar/__init__.py": package_,
  "glue_sidecar/creating.py": creating,
  "glue_sidecar/execs.py": execs,
  "glue_sidecar/failures.py": failures,
  "glue_sidecar/farewell.py": farewell,
  "glue_sidecar/holder.py": holder,
  "glue_sidecar/main.py": main,
  "glue_sidecar/peer.py": peer,
  "glue_sidecar/sdk.py": sdk,
  "glue_sidecar/sharing.py": sharing,
  "glue_sidecar/uploads.py": uploads,
  "glue_sidecar/wire.py": wire,
  "glue_sidecar/work.py": work,
};

/**
 * The sidecar as a file that Python can open: what the binary carries is unpacked once to a private folder, under the hash of its content, so
 * that two versions of glue never share one and none is ever changed in place. What was changed there all the same is put right.
 */
export function sidecarFile(home = process.env.GLUE_HOME || join(homedir(), ".glue")): string {
  const parts = Object.entries(PARTS).map(([name, embedded]) => ({ name, bytes: readFileSync(embedded) }));
  const hash = createHash("sha256");
  for (const { name, bytes } of parts) hash.update(`${name} ${bytes.length}\n`).update(bytes);
  const folder = join(home, "cache", "sidecar", hash.digest("hex").slice(0, 16));
  for (const { name, bytes } of parts) unpack(join(folder, name), bytes);
  return join(folder, START);
}

function unpack(file: string, bytes: Uint8Array): void {
  if (existsSync(file) && readFileSync(file).equals(bytes)) return;
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const part = `${file}.${process.pid}`;
  writeFileSync(part, bytes, { mode: 0o600 });
  renameSync(part, file);
}
