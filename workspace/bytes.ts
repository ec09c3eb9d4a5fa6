/** Small things that are done with bytes. */

/** One array of all the parts. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The bytes up to the first newline and those behind it; undefined where there is no newline. */
export function splitLine(bytes: Uint8Array): { line: Uint8Array; rest: Uint8Array } | undefined {
  const at = bytes.indexOf(0x0a);
  return at === -1 ? undefined : { line: bytes.subarray(0, at), rest: bytes.subarray(at + 1) };
}

/** The entries of a list in which every entry ends with NUL. */
export function splitNul(bytes: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; ) {
    const at = bytes.indexOf(0, from);
    const to = at === -1 ? bytes.length : at;
    entries.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return entries;
}
