/** From here on it costs less to give a buffer back at once than to keep it until the collector comes. Bytes. */
const WORTH_IT = 4_096;

/**
 * Frees the memory behind bytes that nobody needs any more; they are empty afterwards. Of a long output the collector would let tens of
 * megabytes wait. A view of a part of a buffer is left alone: the rest may be somebody's.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < WORTH_IT || buffer.byteLength !== byteLength || !(buffer instanceof ArrayBuffer)) return;
  buffer.transfer(0);
}
