import { GlueError, type Progress } from "../contract.ts";
import type { DockerApi } from "./api.ts";
import type { Env } from "./endpoint.ts";
import { EngineError } from "./engine.ts";
import { parseReference } from "./image-reference.ts";
import { registryAuth } from "./registry-auth.ts";

/** Until a pull that says nothing any more is given up. */
const SILENCE_MS = 300_000;
/** Between two reports of progress. */
const REPORT_MS = 100;

/**
 * Pulls an image, reporting the bytes of its layers as they come. Throws `imageNotFound`, `authFailed` or `imagePullFailed`, each with
 * the registry's own words. An abort of `signal` ends the pull in the engine too.
 */
export async function pullImage(
  api: DockerApi,
  image: string,
  { env, progress, signal }: { env: Env; progress: Progress; signal: AbortSignal | undefined },
): Promise<void> {
  const { name, tag, registry } = parseReference(image);
  progress({ what: `Pulling ${image}` });
  const auth = await registryAuth(registry, env);
  const silence = silenceOf(signal);
  try {
    const answer = await api.open({
      method: "POST",
      path: "/images/create",
      query: { fromImage: name, tag },
      deadlineMs: SILENCE_MS,
      signal: silence.signal,
      ...(auth === undefined ? {} : { headers: { "x-registry-auth": auth } }),
    });
    await follow(answer.stream(), image, progress, silence.heard);
  } catch (error) {
    if (signal?.aborted) throw new GlueError("cancelled", `Interrupted while ${image} was pulled.`, { cause: error });
    if (silence.signal.aborted) {
      const minutes = SILENCE_MS / 60_000;
      throw failed("imagePullFailed", image, `nothing was heard of the registry for ${minutes} minutes`, error);
    }
    if (error instanceof EngineError) throw classify(image, registry, error.message, auth !== undefined, error);
    throw error;
  } finally {
    silence.end();
  }
}

/** What a registry or the engine says when a pull fails, told apart by its words: there are no codes. */
export function classify(
  image: string,
  registry: string,
  message: string,
  withCredentials: boolean,
  cause?: unknown,
): GlueError {
  if (/unauthorized|no basic auth|authentication required|incorrect username|forbidden/i.test(message)) {
    const hint = withCredentials
      ? `The credentials stored for ${registry} were refused: docker login ${registry}.`
      : `No credentials are stored for ${registry}: docker login ${registry}.`;
    return new GlueError("authFailed", `${image} could not be pulled: ${message}`, { hint, cause });
  }
  if (/manifest unknown|not found|does not exist|name unknown|not known to registry|invalid reference/i.test(message)) {
    return new GlueError("imageNotFound", `There is no image ${image}: ${message}`, {
      hint: `Correct docker.image. If it is private: docker login${registry === "docker.io" ? "" : ` ${registry}`}.`,
      cause,
    });
  }
  return failed("imagePullFailed", image, message, cause);
}

function failed(code: "imagePullFailed", image: string, message: string, cause: unknown): GlueError {
  return new GlueError(code, `${image} could not be pulled: ${message}`, {
    hint: `docker pull ${image} shows more.`,
    cause,
  });
}

/** Ends when the caller aborts, or when nothing was heard for too long. */
function silenceOf(signal: AbortSignal | undefined): { signal: AbortSignal; heard(): void; end(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  const start = () => setTimeout(() => controller.abort(), SILENCE_MS);
  let timer = start();
  return {
    signal: controller.signal,
    heard() {
      clearTimeout(timer);
      timer = start();
    },
    end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    },
  };
}

interface PullLine {
  readonly id?: unknown;
  readonly status?: unknown;
  readonly error?: unknown;
  readonly progressDetail?: { readonly current?: unknown; readonly total?: unknown };
}

/** Reads the engine's lines of JSON; an `error` in one of them is how a pull fails after it has begun. */
async function follow(
  stream: ReadableStream<Uint8Array>,
  image: string,
  progress: Progress,
  heard: () => void,
): Promise<void> {
  const layers = new Map<string, { done: number; total: number }>();
  const report = reporter(image, layers, progress);
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    heard();
    const lines = (text + decoder.decode(chunk, { stream: true })).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") note(JSON.parse(line), layers);
    report();
  }
  if (text.trim() !== "") note(JSON.parse(text), layers);
}

function note(line: PullLine, layers: Map<string, { done: number; total: number }>): void {
  if (typeof line.error === "string") throw new EngineError(500, line.error);
  if (typeof line.id !== "string" || typeof line.status !== "string") return;
  const layer = layers.get(line.id);
  const { current, total } = line.progressDetail ?? {};
  if (line.status === "Downloading" && typeof current === "number" && typeof total === "number" && total > 0) {
    layers.set(line.id, { done: current, total });
  } else if (layer !== undefined && line.status !== "Downloading") {
    // What comes after is unpacking: the download is whole.
    layer.done = layer.total;
  }
}

function reporter(image: string, layers: Map<string, { done: number; total: number }>, progress: Progress): () => void {
  let last = 0;
  return () => {
    const now = performance.now();
    if (layers.size === 0 || now - last < REPORT_MS) return;
    last = now;
    let done = 0;
    let total = 0;
    for (const layer of layers.values()) {
      done += layer.done;
      total += layer.total;
    }
    progress({ what: done < total ? `Pulling ${image}` : `Unpacking ${image}`, done, total, unit: "bytes" });
  };
}
