/**
 * Words that the exec's shell puts between the bytes of a command, on both of its streams: that it has started, and how it ended. What
 * comes before the first is the engine's own text, and once the second has come on a stream, everything that the command wrote there
 * has come too, whatever a background child still writes or holds open. A mark is `RS token SPACE word… RS`; the token is random.
 */
export interface MarkFinder {
  /** Takes what arrived; returns what is not a mark, in order. Holds back what may be the beginning of one. */
  push(bytes: Uint8Array): Uint8Array[];
  /** The bytes held back, when nothing more comes. */
  end(): Uint8Array;
}

const RECORD_SEPARATOR = 0x1e;
/** Longer than any mark: what goes on for so long is none. */
const LONGEST_MARK = 200;

/** `onMark` gets a mark's words, after the bytes before it were returned by an earlier `push` or are in the same one. */
export function createMarkFinder(token: string, onMark: (words: string, before: Uint8Array[]) => void): MarkFinder {
  const start = Buffer.from(`\x1e${token} `, "latin1");
  let held: Buffer = Buffer.alloc(0);

  /** How many bytes at the end may begin a mark. */
  function beginning(bytes: Buffer): number {
    const from = Math.max(0, bytes.length - start.length + 1);
    for (let at = bytes.indexOf(RECORD_SEPARATOR, from); at >= 0; at = bytes.indexOf(RECORD_SEPARATOR, at + 1)) {
      if (bytes.subarray(at).equals(start.subarray(0, bytes.length - at))) return bytes.length - at;
    }
    return 0;
  }

  return {
    push(arrived) {
      const here = Buffer.from(arrived.buffer, arrived.byteOffset, arrived.length);
      let bytes = held.length === 0 ? here : Buffer.concat([held, here]);
      held = Buffer.alloc(0);
      const found: Uint8Array[] = [];
      for (;;) {
        const at = bytes.indexOf(start);
        if (at < 0) {
          const keep = beginning(bytes);
          if (keep > 0) held = Buffer.from(bytes.subarray(bytes.length - keep));
          if (bytes.length > keep) found.push(bytes.subarray(0, bytes.length - keep));
          return found;
        }
        const close = bytes.indexOf(RECORD_SEPARATOR, at + start.length);
        if (close < 0 && bytes.length - at < LONGEST_MARK) {
          held = Buffer.from(bytes.subarray(at));
          if (at > 0) found.push(bytes.subarray(0, at));
          return found;
        }
        if (at > 0) found.push(bytes.subarray(0, at));
        if (close < 0) {
          found.push(bytes.subarray(at));
          return found;
        }
        onMark(bytes.subarray(at + start.length, close).toString("latin1"), found);
        bytes = bytes.subarray(close + 1);
        if (bytes.length === 0) return found;
      }
    },
    end() {
      const rest = held;
      held = Buffer.alloc(0);
      return rest;
    },
  };
}
