import { readFileSync, statSync } from "node:fs";
import { GlueError } from "../contract.ts";
import { defaultSockets, type Endpoint } from "./endpoint.ts";

/** The system's or Bun's name of what went wrong: `ENOENT`, `ECONNREFUSED`, `TimeoutError`. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError" || error.name === "AbortError") return error.name;
  if ("code" in error && typeof error.code === "string" && error.code !== "") return error.code;
  return error.message;
}

const NOBODY_THERE = new Set(["ENOENT", "ECONNREFUSED", "ENOTSOCK", "ENOTDIR", "ConnectionRefused"]);
const FORBIDDEN = new Set(["EACCES", "EPERM"]);

/**
 * What a failure to reach the engine means. Only what proves that nothing listens becomes `runtimeNotListening`, because the caller
 * may then run on the host.
 */
export function unreachable(endpoint: Endpoint, error: unknown): GlueError {
  if (error instanceof GlueError) return error;
  const reason = reasonOf(error);
  const where = `${endpoint.url} (from ${endpoint.source})`;
  if (FORBIDDEN.has(reason)) return forbidden(endpoint, error);
  if (NOBODY_THERE.has(reason)) {
    const why = reason === "ENOENT" ? "there is no such socket" : "the connection was refused";
    return new GlueError("runtimeNotListening", `No Docker engine is listening at ${where}: ${why}.`, {
      hint: notListeningHint(endpoint),
      cause: error,
    });
  }
  if (reason === "TimeoutError") {
    return new GlueError("runtimeUnreachable", `The Docker engine at ${where} does not answer.`, {
      hint: "It accepts connections and hangs: restart it, and look at its log.",
      cause: error,
    });
  }
  return new GlueError(
    "runtimeUnreachable",
    `The Docker engine at ${where} cannot be reached: ${detail(error, reason)}.`,
    {
      hint: "docker version shows what the docker CLI sees there.",
      cause: error,
    },
  );
}

function detail(error: unknown, reason: string): string {
  const message = error instanceof Error ? error.message : "";
  return message !== "" && message !== reason ? `${message} (${reason})` : reason;
}

function notListeningHint(endpoint: Endpoint): string {
  if (endpoint.source !== "the default") return `Start the engine, or correct ${endpoint.source}.`;
  const places = defaultSockets(process.env).join(", ");
  return `Start Docker, or set DOCKER_HOST to where it listens. Looked for: ${places}.`;
}

function forbidden(endpoint: Endpoint, cause: unknown): GlueError {
  const group = groupOf(endpoint.path);
  const join =
    group === undefined
      ? "run glue as a user who may"
      : `sudo usermod -aG ${group} $USER, then log in again (or run glue with sudo)`;
  return new GlueError(
    "permissionDenied",
    `You may not use the Docker engine's socket ${endpoint.path || endpoint.url}.`,
    {
      hint: `The engine may well be running; its socket is for others. To be allowed: ${join}.`,
      cause,
    },
  );
}

/** The name of the group that a socket belongs to; undefined where that is root's, or cannot be known. */
function groupOf(path: string): string | undefined {
  try {
    const { gid } = statSync(path);
    const line = readFileSync("/etc/group", "utf8")
      .split("\n")
      .find((row) => row.split(":")[2] === String(gid));
    return gid === 0 ? undefined : line?.split(":")[0];
  } catch {
    // Only a hint hangs on it.
    return undefined;
  }
}
