import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../build/compile.ts";
import type { Context } from "./entry.ts";
import { makeLargeRepository } from "./large-repository.ts";

const SHAPE = { kind: "source", files: 6_000, bytes: 100_000_000, commits: 500 } as const;

/** Made once and kept beside the binary, because making it takes longer than measuring. */
export async function copyOfLarge({ output }: Context, repository: string): Promise<void> {
  const kept = join(ROOT, "dist", `large-${SHAPE.kind}-${SHAPE.files}-${SHAPE.bytes}-${SHAPE.commits}`);
  if (!existsSync(kept)) {
    await makeLargeRepository(`${kept}.new`, SHAPE);
    renameSync(`${kept}.new`, kept);
  }
  await output(["cp", "-a", kept, repository]);
}
