import { existsSync, readFileSync } from "node:fs";
import { GlueError } from "../contract.ts";

/** Where an engine listens, and who said so. `url` is what the docker CLI would take for it: another process reaches it by that alone. */
export interface Endpoint {
  readonly kind: "unix" | "pipe" | "tcp" | "ssh";
  readonly url: string;
  /** The path of a socket or pipe; empty for the others. */
  readonly path: string;
  /** A folder with ca.pem, cert.pem and key.pem, where the connection is encrypted. */
  readonly tlsDir?: string;
  /** False where a context says that the engine's certificate is not checked. */
  readonly tlsVerify?: boolean;
  /** For people: what chose it. */
  readonly source: string;
}

export type Env = Readonly<Record<string, string | undefined>>;

/**
 * The engine that the docker CLI would talk to: `DOCKER_HOST`, else the context that `DOCKER_CONTEXT` or the CLI's config.json names,
 * else the first socket that exists of the system's, Docker Desktop's and the rootless one. Throws `optionInvalid` for an address or a
 * context that cannot be understood; whether anything listens is found out by using it.
 */
export function resolveEndpoint(env: Env, platform: NodeJS.Platform = process.platform): Endpoint {
  if (env.DOCKER_HOST) return withTls(parseAddress(env.DOCKER_HOST, "DOCKER_HOST"), env);
  const folder = configFolder(env);
  const context = env.DOCKER_CONTEXT || currentContext(folder);
  if (context !== undefined && context !== "default") return ofContext(context, folder, env);
  if (platform === "win32") return parseAddress("npipe:////./pipe/docker_engine", "the default of Windows");
  const places = defaultSockets(env);
  const found = places.find((path) => existsSync(path)) ?? places[0];
  return parseAddress(`unix://${found}`, "the default");
}

/** The sockets that are tried where nothing chooses one, in this order. */
export function defaultSockets(env: Env): [string, ...string[]] {
  const more: string[] = [];
  if (env.HOME) more.push(`${env.HOME}/.docker/run/docker.sock`);
  if (env.XDG_RUNTIME_DIR) more.push(`${env.XDG_RUNTIME_DIR}/docker.sock`);
  return ["/var/run/docker.sock", ...more];
}

/** Reads an address as `DOCKER_HOST` has it. `source` says where it stood. */
export function parseAddress(address: string, source: string): Endpoint {
  const [, scheme = "", rest = ""] = /^([a-z]+):\/\/(.*)$/s.exec(address) ?? [];
  if (scheme === "unix" && rest.startsWith("/")) return { kind: "unix", url: address, path: rest, source };
  if (scheme === "npipe" && rest !== "") return { kind: "pipe", url: address, path: rest, source };
  if (scheme === "ssh" && isUrl(address)) return { kind: "ssh", url: address, path: "", source };
  if ((scheme === "tcp" || scheme === "http" || scheme === "https") && isUrl(address.replace(/^[a-z]+/, "http"))) {
    return { kind: "tcp", url: address, path: "", source };
  }
  throw new GlueError("optionInvalid", `${source} says ${JSON.stringify(address)}, which is no address of an engine.`, {
    hint: "It is unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST.",
  });
}

/** The folder of the docker CLI's settings. */
export function configFolder(env: Env): string {
  return env.DOCKER_CONFIG || `${env.HOME ?? ""}/.docker`;
}

function isUrl(text: string): boolean {
  return URL.canParse(text) && new URL(text).hostname !== "";
}

/** `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` count only beside `DOCKER_HOST`, as in the docker CLI. */
function withTls(endpoint: Endpoint, env: Env): Endpoint {
  if (endpoint.kind !== "tcp" || !(env.DOCKER_TLS_VERIFY || env.DOCKER_CERT_PATH)) return endpoint;
  return { ...endpoint, tlsDir: env.DOCKER_CERT_PATH || configFolder(env), tlsVerify: Boolean(env.DOCKER_TLS_VERIFY) };
}

function currentContext(folder: string): string | undefined {
  const path = `${folder}/config.json`;
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  const config = parseObject(text, path);
  return typeof config.currentContext === "string" && config.currentContext !== "" ? config.currentContext : undefined;
}

/** Contexts lie in folders named by the SHA-256 of their name; the format is the docker CLI's own. */
function ofContext(name: string, folder: string, env: Env): Endpoint {
  const hash = new Bun.CryptoHasher("sha256").update(name).digest("hex");
  const source = `the docker context ${JSON.stringify(name)}${env.DOCKER_CONTEXT ? " of DOCKER_CONTEXT" : ""}`;
  const path = `${folder}/contexts/meta/${hash}/meta.json`;
  const text = readIfThere(path);
  if (text === undefined) {
    throw new GlueError("optionInvalid", `There is no such thing as ${source}.`, {
      hint: "docker context ls lists them; docker context use default goes back to the local engine.",
    });
  }
  const docker = objectIn(objectIn(parseObject(text, path), "Endpoints"), "docker");
  const endpoint = parseAddress(typeof docker.Host === "string" ? docker.Host : "", source);
  const tlsDir = `${folder}/contexts/tls/${hash}/docker`;
  if (endpoint.kind !== "tcp" || !existsSync(tlsDir)) return endpoint;
  return { ...endpoint, tlsDir, tlsVerify: docker.SkipTLSVerify !== true };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw new GlueError("optionInvalid", `${path} cannot be read.`, { cause: error });
  }
}

function parseObject(text: string, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new GlueError("optionInvalid", `${path} is not valid JSON.`, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new GlueError("optionInvalid", `${path} does not hold an object.`);
}

function objectIn(parent: Record<string, unknown>, key: string): Record<string, unknown> {
  const value = parent[key];
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
