/** Large repositories with a long history, made by `git fast-import`: always the same ones, so that figures can be compared. */
import { rmSync } from "node:fs";

export interface LargeRepository {
  /**
   * `source`: text in folders of packages. `assets`: every third file is binary and does not compress. `deep`: small files, far down,
   * with long names.
   */
  readonly kind: "source" | "assets" | "deep";
  readonly files: number;
  /** Of the newest tree, about. */
  readonly bytes: number;
  readonly commits: number;
}

/** Makes the repository in `folder` (replaced), with its newest commit checked out on `main`, and packed as a server would pack it. */
export async function makeLargeRepository(folder: string, shape: LargeRepository): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  await run(["git", "init", "-q", "-b", "main", folder]);
  const importer = Bun.spawn(["git", "-C", folder, "fast-import", "--quiet"], { stdin: "pipe", stdout: "ignore" });
  for (const part of history(shape)) {
    importer.stdin.write(part);
    await importer.stdin.flush();
  }
  await importer.stdin.end();
  if ((await importer.exited) !== 0) throw new Error("git fast-import failed");
  await run(["git", "-C", folder, "reset", "-q", "--hard", "main"]);
  await run(["git", "-C", folder, "repack", "-a", "-d", "-f", "-q"]);
}

async function run(argv: readonly string[]): Promise<void> {
  const child = Bun.spawn([...argv], { stdout: "ignore" });
  if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")} failed`);
}

const FILES_A_COMMIT = 5;

function* history(shape: LargeRepository): Generator<Uint8Array> {
  const random = generator(20_261_122);
  const writer = new Writer(random);
  const average = shape.bytes / shape.files;
  const files = Array.from({ length: shape.files }, (_, at) => ({
    path: pathOf(shape, at),
    lines: isBinary(shape, at) ? undefined : writer.text(average * (0.3 + 1.4 * random())),
  }));
  for (let commit = 0; commit < shape.commits; commit++) {
    yield encode(head(commit));
    const touched =
      commit === 0
        ? files
        : Array.from({ length: FILES_A_COMMIT }, () => files[Math.floor(random() ** 2 * files.length)]);
    for (const file of touched) {
      if (file === undefined) continue;
      // Files change here and there, and grow more often than they shrink.
      if (commit > 0 && file.lines !== undefined) {
        const at = Math.floor(random() * file.lines.length);
        file.lines.splice(at, random() < 0.4 ? 1 : 0, writer.line(), writer.line());
      }
      const size = average * (0.3 + 1.4 * random());
      const content = file.lines === undefined ? noise(random, size) : encode(`${file.lines.join("\n")}\n`);
      yield encode(`M 100644 inline ${file.path}\ndata ${content.length}\n`);
      yield content;
      yield encode("\n");
    }
  }
  yield encode("done\n");
}

const encoder = new TextEncoder();
const encode = (text: string): Uint8Array => encoder.encode(text);

function head(commit: number): string {
  const who = `Dev ${commit % 7} <dev${commit % 7}@example.com> ${1_600_000_000 + commit * 3600} +0000`;
  return `commit refs/heads/main\nauthor ${who}\ncommitter ${who}\ndata <<END\nchange ${commit}\nEND\n`;
}

function isBinary({ kind }: LargeRepository, at: number): boolean {
  return kind === "assets" && at % 3 === 0;
}

function pathOf(shape: LargeRepository, at: number): string {
  const ending = isBinary(shape, at) ? "bin" : "ts";
  if (shape.kind !== "deep") return `packages/p${at % 40}/src/m${Math.floor(at / 40) % 12}/file-${at}.${ending}`;
  const folders = Array.from({ length: 12 }, (_, depth) => `level-${depth}-${Math.floor(at / 3 ** depth) % 3}`);
  return `${folders.join("/")}/a-rather-long-name-for-a-file-${at}.${ending}`;
}

/** Numbers from 0 up to 1, the same ones on every machine (xorshift). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function noise(random: () => number, size: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let at = 0; at < words.length; at++) words[at] = random() * 2 ** 32;
  return new Uint8Array(words.buffer);
}

/** Text that compresses about as well as source code does. */
class Writer {
  readonly #random: () => number;
  readonly #words: readonly string[];

  constructor(random: () => number) {
    this.#random = random;
    const word = (): string =>
      Array.from(
        { length: 2 + Math.floor(random() * 9) },
        () => "etaoinshrdlucmfw"[Math.floor(random() ** 2 * 16)],
      ).join("");
    this.#words = Array.from({ length: 3_000 }, word);
  }

  line(): string {
    const random = this.#random;
    let line = "  ".repeat(Math.floor(random() * 4));
    for (let left = 2 + Math.floor(random() * 9); left > 0; left--) {
      line += this.#words[Math.floor(random() ** 3 * this.#words.length)];
      line += [" ", "(", ") ", ".", "; ", " = "][Math.floor(random() * 6)];
    }
    return line;
  }

  text(bytes: number): string[] {
    const lines: string[] = [];
    for (let size = 0; size < bytes; size += (lines.at(-1)?.length ?? 0) + 1) lines.push(this.line());
    return lines;
  }
}
