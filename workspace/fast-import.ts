/** Words of git fast-import's language. */

/** A path as fast-import reads it: quoted, so that any bytes can be in it. One character a byte (latin1). */
export function importPath(path: Uint8Array): string {
  let text = '"';
  for (const byte of path) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte < 0x20 || byte >= 0x7f) text += `\\${byte.toString(8).padStart(3, "0")}`;
    else text += String.fromCharCode(byte);
  }
  return `${text}"`;
}
