import {
  chmodSync,
  chownSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { readParts } from "./multipart.ts";
import { bodyOf, json } from "./reply.ts";

/** The file calls. Their errors have no body, as in 0.190; `/files/upload` is gone, as in newer ones. */
export async function handleFiles(path: string, url: URL, request: Request): Promise<Response> {
  const at = url.searchParams.get("path") ?? "";
  try {
    switch (`${request.method} ${path.replace(/\/$/, "")}`) {
      case "GET /files":
        return json(readdirSync(at || ".").flatMap((name) => entryOf(join(at, name)) ?? []));
      case "GET /files/info": {
        const entry = entryOf(at);
        return entry === undefined ? new Response(null, { status: 404 }) : json(entry);
      }
      case "POST /files/folder":
        mkdirSync(at, { recursive: true, mode: Number.parseInt(url.searchParams.get("mode") ?? "755", 8) });
        return new Response(null, { status: 201 });
      case "DELETE /files": {
        const seen = statSync(at);
        const recursive = url.searchParams.get("recursive") === "true";
        if (seen.isDirectory() && !recursive) return new Response(null, { status: 400 });
        rmSync(at, { recursive });
        return new Response(null, { status: 204 });
      }
      case "GET /files/download":
        return download(at, request);
      case "POST /files/bulk-download":
        return await bulkDownload(request);
      case "POST /files/bulk-upload":
        return await bulkUpload(request);
      case "POST /files/move": {
        const destination = url.searchParams.get("destination") ?? "";
        if (existsSync(destination)) return new Response(null, { status: 409 });
        renameSync(url.searchParams.get("source") ?? "", destination);
        return new Response(null, { status: 200 });
      }
      case "POST /files/permissions": {
        const mode = url.searchParams.get("mode");
        if (mode !== null) chmodSync(at, Number.parseInt(mode, 8));
        const owner = url.searchParams.get("owner");
        if (owner !== null) chownSync(at, Number(owner), Number(url.searchParams.get("group") ?? owner));
        return new Response(null, { status: 200 });
      }
      default:
        return new Response(null, { status: 404 });
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return new Response(null, { status: code === "ENOENT" ? 404 : code === "EACCES" ? 403 : 400 });
  }
}

function entryOf(path: string): Record<string, unknown> | undefined {
  const seen = statSync(path, { throwIfNoEntry: false });
  if (seen === undefined) return undefined;
  const bits = (seen.mode & 0o7777).toString(8).padStart(4, "0");
  return {
    name: basename(path),
    size: seen.size,
    mode: bits,
    modTime: seen.mtime.toISOString(),
    modifiedAt: seen.mtime.toISOString(),
    isDir: seen.isDirectory(),
    owner: String(seen.uid),
    group: String(seen.gid),
    permissions: bits,
  };
}

function download(path: string, request: Request): Response {
  const seen = statSync(path, { throwIfNoEntry: false });
  if (seen === undefined) return new Response(null, { status: 404 });
  if (seen.isDirectory()) return new Response(null, { status: 400 });
  const headers = { "content-type": "application/octet-stream" };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
  if (range === null)
    return new Response(Bun.file(path).stream(), { headers: { ...headers, "content-length": String(seen.size) } });
  const start = Number(range[1]);
  const end = range[2] === "" ? seen.size : Math.min(seen.size, Number(range[2]) + 1);
  if (start >= seen.size) return new Response(null, { status: 416 });
  return new Response(Bun.file(path).slice(start, end), {
    status: 206,
    headers: { ...headers, "content-range": `bytes ${start}-${end - 1}/${seen.size}` },
  });
}

const BOUNDARY = "DAYTONA-FILE-BOUNDARY";

async function bulkDownload(request: Request): Promise<Response> {
  const { paths } = await bodyOf(request);
  const wanted = (paths as string[]).map((path) => ({ path, size: statSync(path, { throwIfNoEntry: false })?.size }));
  async function* body(): AsyncGenerator<Uint8Array> {
    const text = (words: string) => new TextEncoder().encode(words);
    for (const { path, size } of wanted) {
      const part = size === undefined ? "error" : "file";
      const type = size === undefined ? "text/plain" : "application/octet-stream";
      yield text(
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${part}"; filename="${path}"\r\nContent-Type: ${type}\r\n\r\n`,
      );
      if (size === undefined) yield text(`stat ${path}: no such file or directory`);
      else for await (const chunk of Bun.file(path).stream()) yield chunk;
      yield text("\r\n");
    }
    yield text(`--${BOUNDARY}--\r\n`);
  }
  return new Response(streamOf(body()), {
    headers: { "content-type": `multipart/form-data; boundary=${BOUNDARY}` },
  });
}

function streamOf(pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}

async function bulkUpload(request: Request): Promise<Response> {
  const files: { path: string; bytes: number }[] = [];
  const errors: string[] = [];
  const paths = new Map<string, string>();
  for await (const part of readParts(request)) {
    const [, index = "", kind] = /^files\[(\d+)\]\.(path|file)$/.exec(part.name) ?? [];
    if (kind === "path") {
      paths.set(index, await new Response(part.body).text());
      continue;
    }
    const path = paths.get(index);
    if (path === undefined) {
      errors.push(`file ${index} came before its path`);
      await part.body.pipeTo(new WritableStream());
      continue;
    }
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      files.push({ path, bytes: await save(path, part.body) });
    } catch (error) {
      errors.push(`${path}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return errors.length > 0 ? json({ errors, files }, 400) : json({ files });
}

async function save(path: string, body: ReadableStream<Uint8Array>): Promise<number> {
  const file = createWriteStream(path);
  let bytes = 0;
  const opened = new Promise<void>((resolve, reject) => file.once("open", () => resolve()).once("error", reject));
  await opened;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (!file.write(chunk)) await new Promise((resolve) => file.once("drain", resolve));
  }
  await new Promise<void>((resolve, reject) => file.end((error?: Error | null) => (error ? reject(error) : resolve())));
  return bytes;
}
