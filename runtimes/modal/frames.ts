/** Frames of sidecar/PROTOCOL.md: a line of JSON, then as many raw bytes as its member `bytes` says. */

export interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string; readonly data?: Readonly<Record<string, unknown>> };
  readonly bytes?: number;
}

const NEWLINE = 0x0a;

/** Takes what arrives and returns the frames that are whole, in order. Throws where it is no frame. */
export function createFrameReader(): (arrived: Uint8Array) => [Message, Uint8Array][] {
  let waiting: Uint8Array[] = [];
  let length = 0;
  /** Bytes needed before anything can be done with those that wait. */
  let needed = 1;
  return (arrived) => {
    waiting.push(arrived);
    length += arrived.length;
    const frames: [Message, Uint8Array][] = [];
    if (length < needed) return frames;
    let rest: Uint8Array = waiting.length === 1 ? arrived : Buffer.concat(waiting);
    needed = 1;
    for (;;) {
      const end = rest.indexOf(NEWLINE);
      if (end < 0) break;
      const message = JSON.parse(new TextDecoder().decode(rest.subarray(0, end))) as Message;
      const whole = end + 1 + (message.bytes ?? 0);
      if (rest.length < whole) {
        needed = whole;
        break;
      }
      frames.push([message, rest.subarray(end + 1, whole)]);
      rest = rest.subarray(whole);
    }
    waiting = rest.length > 0 ? [rest] : [];
    length = rest.length;
    return frames;
  };
}

/** The line of one frame; its payload follows as it is. */
export function frameLine(message: object, payload?: Uint8Array): Uint8Array {
  const line = JSON.stringify({
    jsonrpc: "2.0",
    ...message,
    ...(payload === undefined ? {} : { bytes: payload.length }),
  });
  return Buffer.from(`${line}\n`);
}
