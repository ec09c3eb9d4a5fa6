import { startAnswer, type ToolCall } from "./answer.ts";
import type { SpriteCli } from "./cli.ts";
import { fetchAnswer } from "./fetch.ts";
import type { Place } from "./place.ts";

/** What a tool answered, proven: its size and SHA-256 are those that the sprite measured. */
export interface ToolAnswer {
  readonly code: number;
  readonly stdout: Buffer;
  /** At most 4 KiB. */
  readonly stderr: string;
}

/**
 * Runs a tool in the sprite and returns its whole answer, however long. Throws what `startAnswer` throws, and `transferFailed`.
 */
export async function runTool(
  cli: SpriteCli,
  place: Place,
  argv: readonly string[],
  call: ToolCall = {},
): Promise<ToolAnswer> {
  const answer = await startAnswer(cli, place, argv, call);
  if (answer.file === undefined) return { code: answer.code, stdout: answer.head, stderr: answer.stderr };
  const parts: Uint8Array[] = [];
  for await (const part of fetchAnswer(cli, place, answer)) parts.push(part);
  return { code: answer.code, stdout: Buffer.concat(parts), stderr: answer.stderr };
}
