import type { ByteStream } from "../contract.ts";

/** A stream that is at its end. */
export function emptyStream(): ByteStream {
  return new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
}
