import { existsSync, readFileSync } from "node:fs";

export function json(value: unknown, status = 200): Response {
  return Response.json(value, { status });
}

/** An error of `process/…`, as the daemon words them all. */
export function failure(request: Request, statusCode: number, message: string, code = "BAD_REQUEST"): Response {
  const { pathname: path } = new URL(request.url);
  const timestamp = new Date().toISOString();
  return json({ statusCode, message, code, timestamp, path, method: request.method }, statusCode);
}

/** The body as an object; an error that the server answers with 400 otherwise. */
export async function bodyOf(request: Request): Promise<Record<string, unknown>> {
  const body: unknown = await request.json();
  if (typeof body !== "object" || body === null) throw new Error("invalid request body");
  return body as Record<string, unknown>;
}

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function environmentOf(envs: unknown): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries((envs as Record<string, unknown> | undefined) ?? {})) {
    if (!ENV_NAME.test(name)) throw new Error(`invalid environment variable name: ${name}`);
    env[name] = String(value);
  }
  return env;
}

const [folder = "/run/toolbox"] = process.argv.slice(2);

/** What the double was told to take; else the first of zsh and bash that the sandbox has, else its `$SHELL`, else sh. */
export function userShell(): string {
  const told = `${folder}/shell`;
  if (existsSync(told)) return readFileSync(told, "utf8");
  return Bun.which("zsh") ?? Bun.which("bash") ?? process.env.SHELL ?? "sh";
}
