import type { Sprite } from "./sprites.ts";

/** The part of the service's file API that its client's basic calls use. Writes as `ubuntu`, which is not who commands run as. */
export async function handleFiles(
  sprite: Sprite,
  verb: string,
  request: Request,
  query: URLSearchParams,
): Promise<Response> {
  const path = absolute(query.get("path") ?? "", query.get("workingDir") ?? "/");
  const run = async (...argv: string[]) => await sprite.tool(["sudo", "-n", ...argv], { user: "sprite" });
  const refuse = (words: string) => {
    const code = /No such file/.test(words) ? "ENOENT" : /Is a directory/.test(words) ? "EISDIR" : "EIO";
    return Response.json({ error: words.trim(), code, path }, { status: code === "ENOENT" ? 404 : 400 });
  };
  switch (`${request.method} ${verb}`) {
    case "GET read": {
      const { code, stdout, stderr } = await run("cat", "--", path);
      return code === 0 ? new Response(stdout) : refuse(stderr);
    }
    case "PUT write": {
      if (request.headers.get("content-type") !== "application/octet-stream") return refuse("octet-stream wanted");
      const script =
        'if [ "$3" = true ]; then mkdir -p -- "${1%/*}"; fi; cat >"$1" && chmod "$2" -- "$1" && chown ubuntu:ubuntu -- "$1"';
      const words = [
        "sudo",
        "-n",
        "sh",
        "-c",
        script,
        "sh",
        path,
        query.get("mode") ?? "0644",
        query.get("mkdirParents") ?? "false",
      ];
      const stdin = new Uint8Array(await request.arrayBuffer());
      const { code, stderr } = await sprite.tool(words, { user: "sprite", stdin });
      return code === 0
        ? Response.json({ path, size: stdin.length, mode: query.get("mode") ?? "0644" })
        : refuse(stderr);
    }
    case "GET list": {
      const script =
        'test -e "$1" || { echo "No such file" >&2; exit 1; }; depth=0; [ ! -d "$1" ] || depth=1; find "$1" -mindepth $depth -maxdepth $depth -printf "%s %m %y:%f\\n"';
      const { code, stdout, stderr } = await run("sh", "-c", script, "sh", path);
      if (code !== 0) return refuse(stderr);
      const entries = Buffer.from(stdout)
        .toString()
        .split("\n")
        .filter(Boolean)
        .map((line) => {
          const [, size, mode, kind = "", name = ""] = /^(\d+) (\d+) ([^:]*):(.*)$/.exec(line) ?? [];
          const isDir = kind === "d";
          return {
            name,
            size: Number(size),
            mode,
            isDir,
            type: isDir ? "directory" : "file",
            modTime: sprite.createdAt,
          };
        });
      return Response.json({ entries: entries.length === 0 ? null : entries });
    }
    case "DELETE delete": {
      const flag = query.get("recursive") === "true" ? ["-r"] : [];
      const { code, stderr } = await run("rm", ...flag, "--", path);
      return code === 0 ? Response.json({ path }) : refuse(stderr);
    }
    case "POST rename": {
      const { source, dest, workingDir } = (await request.json()) as {
        source: string;
        dest: string;
        workingDir: string;
      };
      const { code, stderr } = await run("mv", "--", absolute(source, workingDir), absolute(dest, workingDir));
      return code === 0 ? Response.json({}) : refuse(stderr);
    }
    default:
      return new Response("not found", { status: 404 });
  }
}

function absolute(path: string, from: string): string {
  return path.startsWith("/") ? path : `${from.replace(/\/$/, "")}/${path}`;
}
