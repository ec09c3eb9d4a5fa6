export interface Part {
  readonly name: string;
  /** Must be read to its end before the next part is asked for. */
  readonly body: ReadableStream<Uint8Array>;
}

/** The parts of a `multipart/form-data` body as they arrive. */
export async function* readParts(request: Request): AsyncGenerator<Part> {
  const [, boundary] = /boundary="?([^";]+)"?/.exec(request.headers.get("content-type") ?? "") ?? [];
  if (boundary === undefined || request.body === null)
    throw new Error("request Content-Type isn't multipart/form-data");
  const reader = request.body.getReader();
  const mark = Buffer.from(`\r\n--${boundary}`);
  // The first boundary has no line break before it.
  let held: Buffer = Buffer.from("\r\n");
  const more = async (): Promise<boolean> => {
    const { done, value } = await reader.read();
    if (value !== undefined) held = Buffer.concat([held, value]);
    return !done;
  };
  const upTo = async (mark: Buffer): Promise<number> => {
    for (let at = held.indexOf(mark); ; at = held.indexOf(mark)) {
      if (at >= 0) return at;
      if (!(await more())) throw new Error("multipart: unexpected EOF");
    }
  };
  await upTo(mark);
  held = held.subarray(mark.length);
  for (;;) {
    while (held.length < 2) if (!(await more())) throw new Error("multipart: unexpected EOF");
    if (held.subarray(0, 2).toString() === "--") return;
    const headEnd = await upTo(Buffer.from("\r\n\r\n"));
    const head = held.subarray(0, headEnd).toString();
    held = held.subarray(headEnd + 4);
    const [, name = ""] = /name="([^"]*)"/.exec(head) ?? [];
    let over = false;
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          for (;;) {
            const at = held.indexOf(mark);
            if (at >= 0) {
              if (at > 0) controller.enqueue(new Uint8Array(held.subarray(0, at)));
              held = held.subarray(at + mark.length);
              over = true;
              return controller.close();
            }
            const safe = held.length - mark.length;
            if (safe > 0) {
              controller.enqueue(new Uint8Array(held.subarray(0, safe)));
              held = held.subarray(safe);
              return;
            }
            if (!(await more())) throw new Error("multipart: unexpected EOF");
          }
        },
      },
      { highWaterMark: 0 },
    );
    yield { name, body };
    if (!over) throw new Error("multipart: a part was not read");
  }
}
