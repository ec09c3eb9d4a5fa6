/** A real git server on loopback: git's own `http-backend` behind a small bridge. */
import { join } from "node:path";
import { PLAIN_ENV, sh } from "../workspace/hand-stage.ts";

export interface GitServer {
  readonly url: string;
  /** Requests so far, `METHOD /path?query`. */
  readonly requests: string[];
  /** How requests are answered from now on. */
  answer: "all" | "askForCredentials" | "singleSignOn" | "nothing";
  stop(): void;
}

/** Serves the bare repositories below `root`. */
export function serveGit(root: string): GitServer {
  const backend = join(sh(root, "git --exec-path"), "git-http-backend");
  const requests: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      requests.push(`${request.method} ${pathname}${search}`);
      if (git.answer === "askForCredentials") {
        return new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="git"' } });
      }
      if (git.answer === "singleSignOn") {
        return new Response("The organization has enabled or enforced SAML SSO.", { status: 403 });
      }
      if (git.answer === "nothing") return new Response("no such repository", { status: 404 });
      return await runBackend(backend, root, request, pathname, search.slice(1));
    },
  });
  const git: GitServer = {
    url: `http://127.0.0.1:${server.port}`,
    requests,
    answer: "all",
    stop: () => server.stop(true),
  };
  return git;
}

async function runBackend(
  backend: string,
  root: string,
  request: Request,
  path: string,
  query: string,
): Promise<Response> {
  const body = new Uint8Array(await request.arrayBuffer());
  const child = Bun.spawn([backend], {
    env: {
      ...PLAIN_ENV,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      REQUEST_METHOD: request.method,
      PATH_INFO: path,
      QUERY_STRING: query,
      CONTENT_TYPE: request.headers.get("content-type") ?? "",
      CONTENT_LENGTH: String(body.length),
      HTTP_CONTENT_ENCODING: request.headers.get("content-encoding") ?? "",
      HTTP_GIT_PROTOCOL: request.headers.get("git-protocol") ?? "",
    },
    stdin: body,
    stdout: "pipe",
  });
  const answer = Buffer.from(await new Response(child.stdout).arrayBuffer());
  const end = answer.indexOf("\r\n\r\n");
  const headers = new Headers();
  let status = 200;
  for (const line of answer.subarray(0, end).toString().split("\r\n")) {
    const [name = "", value = ""] = line.split(/: (.*)/s);
    if (name === "Status") status = Number.parseInt(value, 10);
    else headers.set(name, value);
  }
  return new Response(answer.subarray(end + 4), { status, headers });
}
