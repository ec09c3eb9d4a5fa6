import { readFileSync } from "node:fs";
import { configFolder, type Env } from "./endpoint.ts";

/** The name under which the docker CLI keeps the credentials of its own hub. */
const HUB = "https://index.docker.io/v1/";
const HELPER_MS = 30_000;

/**
 * The value of `X-Registry-Auth` for a registry, from what `docker login` stored: in config.json itself or with a credential helper.
 * Undefined where there is nothing: then the pull is anonymous. A helper that fails is no error, as in the docker CLI: the registry's
 * own answer says what is missing.
 */
export async function registryAuth(registry: string, env: Env): Promise<string | undefined> {
  const config = readConfig(`${configFolder(env)}/config.json`);
  const key = registry === "docker.io" ? HUB : registry;
  const helper = stringIn(objectIn(config, "credHelpers"), key) ?? stringIn(config, "credsStore");
  const found =
    (helper === undefined ? undefined : await askHelper(helper, key, env)) ?? storedFor(objectIn(config, "auths"), key);
  if (found === undefined) return undefined;
  const base64 = Buffer.from(JSON.stringify({ ...found, serveraddress: key })).toString("base64");
  // The alphabet for addresses, but padded: the engine takes anything else for no credentials at all.
  return base64.replaceAll("+", "-").replaceAll("/", "_");
}

type Credentials = { username: string; password: string } | { identitytoken: string };

function readConfig(path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // Without a readable file nobody has logged in; the pull is tried without credentials.
    return {};
  }
}

/** Keys are written with or without a scheme and a path. */
function storedFor(auths: Record<string, unknown>, key: string): Credentials | undefined {
  const bare = (text: string) => text.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  const row =
    Object.keys(auths).find((name) => name === key) ?? Object.keys(auths).find((name) => bare(name) === bare(key));
  const entry = row === undefined ? {} : objectIn(auths, row);
  const token = stringIn(entry, "identitytoken");
  if (token !== undefined) return { identitytoken: token };
  const pair = Buffer.from(stringIn(entry, "auth") ?? "", "base64").toString();
  const colon = pair.indexOf(":");
  return colon > 0 ? { username: pair.slice(0, colon), password: pair.slice(colon + 1) } : undefined;
}

/** The protocol of docker's credential helpers: the registry on stdin, JSON on stdout. */
async function askHelper(helper: string, key: string, env: Env): Promise<Credentials | undefined> {
  try {
    const child = Bun.spawn([`docker-credential-${helper}`, "get"], {
      stdin: Buffer.from(key),
      stderr: "ignore",
      env: { ...env },
      timeout: HELPER_MS,
    });
    const answer: unknown = JSON.parse(await new Response(child.stdout).text());
    const entry = typeof answer === "object" && answer !== null ? (answer as Record<string, unknown>) : {};
    const username = stringIn(entry, "Username");
    const secret = stringIn(entry, "Secret");
    if (username === undefined || secret === undefined) return undefined;
    return username === "<token>" ? { identitytoken: secret } : { username, password: secret };
  } catch {
    // Not installed, or it knows no such registry.
    return undefined;
  }
}

function objectIn(parent: Record<string, unknown>, key: string): Record<string, unknown> {
  const value = parent[key];
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function stringIn(parent: Record<string, unknown>, key: string): string | undefined {
  const value = parent[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}
