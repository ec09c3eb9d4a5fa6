import { GlueError } from "../contract.ts";
import type { Sidecar } from "./sidecar.ts";

/** Pieces of 1 MiB on their way at once: each that is waited for by itself costs a turn of both processes. */
const AHEAD = 4;

/**
 * Writes a file of up to 32 MiB at `path` in the sandbox by the SDK's own way for files: one stream, in place of a call for each piece of a
 * command's input. It has the mode that the service gives it, and is not written atomically. `shown` is its name in an error.
 */
export async function put(
  sidecar: Sidecar,
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  { size, shown }: { readonly size: number; readonly shown: string },
): Promise<void> {
  const name = crypto.randomUUID();
  const send = (params: object, payload: Uint8Array = new Uint8Array()) =>
    sidecar.request("write a file", "put", { put: name, ...params }, { payload });
  const sent: Promise<unknown>[] = [];
  let held: Uint8Array | undefined;
  let arrived = 0;
  try {
    for await (const piece of pieces) {
      arrived += piece.length;
      if (arrived > size) break;
      if (held !== undefined) sent.push(quietly(send({}, held)));
      held = piece;
      if (sent.length >= AHEAD) await sent.shift();
    }
    await Promise.all(sent);
    if (arrived !== size) throw otherSize(shown, size, arrived);
  } catch (error) {
    // What came is forgotten. Where even that cannot be said, the first failure is the one to tell.
    await send({ drop: true }).catch(() => undefined);
    throw error;
  }
  await send({ path, last: true }, held);
}

/** For one that is waited for later. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** A source that had not the size that it was said to have. */
export function otherSize(shown: string, size: number, arrived: number): GlueError {
  const seen = arrived > size ? "more" : `only ${arrived}`;
  return new GlueError("transferFailed", `${shown} was to have ${size} bytes; ${seen} came.`);
}
