// `bun run build:all [TARGET…]`: every target from this one machine, as archives with their digests, and a manifest that says what was
// seen of each: nothing is called started that was not.
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import packageJson from "../package.json";
import { compile, currentCommit, ROOT } from "./build/compile.ts";
import { nativeTarget, TARGETS, type Target } from "./build/targets.ts";
import { pack } from "./release/archive.ts";
import { bunRuntime } from "./release/bun-runtime.ts";
import { assets, holdsAsset } from "./release/embedded.ts";
import { executableFormat } from "./release/executable-format.ts";
import { type MacSignature, macSignature } from "./release/mac-signature.ts";
import { mendSignature } from "./release/mend-signature.ts";
import { startIfPossible } from "./release/start.ts";

interface Row {
  readonly target: string;
  readonly archive: string;
  readonly archiveSha256: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly format: string;
  readonly architecture: string;
  readonly loader?: string;
  readonly assets: readonly string[];
  readonly started: "native" | "qemu-user" | "not started";
  /** macOS only: whether the page hashes agree with the file, and what a user does where they do not. */
  readonly signature?: MacSignature & { readonly mendWith?: string };
}

const dist = join(ROOT, "dist");
const commit = currentCommit();
const wanted = process.argv.slice(2);
const targets = TARGETS.filter((target) => wanted.length === 0 || wanted.includes(target.name));
if (targets.length === 0)
  throw new Error(`no such target; there are: ${TARGETS.map((target) => target.name).join(", ")}`);

const rows: Row[] = [];
for (const target of targets) rows.push(await make(target));
writeFileSync(join(dist, "SHA256SUMS"), rows.map((row) => `${row.archiveSha256}  ${row.archive}\n`).join(""));
const manifest = { schemaVersion: 1, version: packageJson.version, commit, bun: Bun.version, targets: rows };
writeFileSync(join(dist, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);

async function make(target: Target): Promise<Row> {
  const binary = join(dist, target.name, target.executable);
  mkdirSync(join(dist, target.name), { recursive: true });
  const runtime =
    target.name === nativeTarget() ? {} : { runtime: { bunTarget: target.bun, executable: await bunRuntime(target) } };
  await compile({ target: target.name, outfile: binary, commit, ...runtime });
  chmodSync(binary, 0o755);
  if (target.format === "Mach-O" && macSignature(readFileSync(binary)).state !== "valid") await mendSignature(binary);

  const bytes = readFileSync(binary);
  const header = executableFormat(bytes);
  if (header?.format !== target.format || header.architecture !== target.architecture) {
    throw new Error(`${target.name} is ${JSON.stringify(header)}`);
  }
  const missing = assets().filter((asset) => !holdsAsset(bytes, asset));
  if (missing.length > 0) throw new Error(`${target.name} lacks ${missing.join(", ")}`);
  const started = (await startIfPossible(target, binary)) ?? "not started";
  const archive = await pack(target, binary, packageJson.version, commitTime());
  const signature = target.format === "Mach-O" ? { signature: signatureRow(macSignature(bytes)) } : {};
  console.log(`${target.name.padEnd(17)} ${(bytes.length / 1e6).toFixed(1)} MB  ${started}`);
  return {
    target: target.name,
    archive: basename(archive),
    archiveSha256: sha256(readFileSync(archive)),
    bytes: bytes.length,
    sha256: sha256(bytes),
    ...header,
    assets: assets(),
    started,
    ...signature,
  };
}

function signatureRow(signature: MacSignature): NonNullable<Row["signature"]> {
  if (signature.state === "valid") return signature;
  return { ...signature, mendWith: "codesign --remove-signature glue && codesign --sign - glue" };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The time of HEAD, so that the same commit gives the same archives; the epoch outside a repository. */
function commitTime(): Date {
  const shown = Bun.spawnSync(["git", "-C", ROOT, "log", "-1", "--format=%ct"], { stderr: "ignore" });
  return new Date(Number(shown.stdout.toString().trim() || 0) * 1000);
}
