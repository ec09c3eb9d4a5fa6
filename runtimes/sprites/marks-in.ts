/** Finds what a script in the sprite marked with a token: the program's own words may stand before it, and must not be read. */

/** The words of the first mark with this token, and what follows it. Undefined where there is none, or not all of it. */
export function firstMark(bytes: Buffer, token: string): { words: string; rest: Buffer } | undefined {
  const begin = Buffer.from(`\x1e${token} `, "latin1");
  const at = bytes.indexOf(begin);
  if (at < 0) return undefined;
  const end = bytes.indexOf(0x1e, at + begin.length);
  if (end < 0) return undefined;
  return { words: bytes.subarray(at + begin.length, end).toString("latin1"), rest: bytes.subarray(end + 1) };
}
