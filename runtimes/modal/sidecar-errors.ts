import type { ErrorCode } from "../../spec/generated/errors.ts";
import { GlueError } from "../contract.ts";

/** Kinds of sidecar/PROTOCOL.md: the error they are, and what to do. */
const KINDS: Readonly<Record<string, { code: ErrorCode; hint?: string }>> = {
  dead: { code: "sandboxGone" },
  auth: {
    code: "authFailed",
    hint: "Run: modal token set --token-id … --token-secret … (glue doctor --runtime modal checks it).",
  },
  quota: { code: "quotaExceeded" },
  tooOld: { code: "runtimeNotListening", hint: "Install a newer SDK: pip install --upgrade modal" },
  oldPython: {
    code: "runtimeNotListening",
    hint: "Install Python 3.10 or later with the SDK (pip install modal), and set modal.python_path to it.",
  },
  noSdk: { code: "runtimeNotListening", hint: "Install the SDK: pip install modal, or set modal.python_path." },
  config: { code: "runtimeNotListening", hint: "Correct ~/.modal.toml, or run modal token set." },
  image: { code: "imageNotFound", hint: "Correct modal.image: a registry tag, an image id (im-…) or a named image." },
  file: { code: "ioFailed" },
  notFound: { code: "sandboxCreateFailed" },
  invalid: { code: "sandboxCreateFailed" },
  unreachable: { code: "runtimeUnreachable" },
  timeout: { code: "ioFailed", hint: "The sandbox is slow, or its network is: try again." },
  cancelled: { code: "cancelled" },
  unknown: { code: "sandboxCreateFailed" },
};

const GONE =
  "modal sidecar is no longer reachable (sandbox may have auto-terminated on sandbox_timeout_seconds, or the python process exited)";

/** What a failure that the sidecar tells of is for the rest of glue. `doing`: what was being done, as in "create the sandbox". */
export function sidecarFailure(
  doing: string,
  error: { readonly message: string; readonly data?: Readonly<Record<string, unknown>> },
): GlueError {
  const kind = KINDS[String(error.data?.kind ?? "unknown")];
  const code = kind?.code ?? "sandboxCreateFailed";
  // Users know this sentence; why the sandbox ended is told when it does, and is in the cause.
  if (code === "sandboxGone") return new GlueError(code, GONE, { cause: error });
  return new GlueError(code, `Modal cannot ${doing}: ${error.message.trim() || "nobody said why"}`, {
    hint: kind?.hint,
    cause: error,
  });
}

/** The kind, in words of sidecar/PROTOCOL.md, of a failure that the sidecar told of; undefined for any other. */
export function kindOf(error: unknown): string | undefined {
  if (!(error instanceof GlueError)) return undefined;
  const { data } = (error.cause ?? {}) as { readonly data?: Readonly<Record<string, unknown>> };
  return data?.kind === undefined ? undefined : String(data.kind);
}

/** Whether a failure says that the sandbox is no more. */
export function isDead(error: unknown): boolean {
  return error instanceof GlueError && error.code === "sandboxGone";
}
