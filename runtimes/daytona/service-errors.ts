import { GlueError } from "../contract.ts";

/** The service answered, and the answer is no. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The words of an answer that refuses: JSON with `message` (a list where several things are wrong) or `error`, plain text, or a load
 * balancer's page.
 */
export function messageOf(status: number, text: string): string {
  try {
    const body = JSON.parse(text) as { message?: unknown; error?: unknown };
    const message = body.message ?? body.error;
    if (Array.isArray(message)) return message.join("; ");
    if (typeof message === "string" && message !== "") return message;
  } catch {
    // Not JSON: what it is decides below.
  }
  const plain = text.trim();
  return plain === "" || plain.startsWith("<") ? `HTTP status ${status}` : plain.slice(0, 300);
}

const QUOTA = /limit exceeded|quota|tier|insufficient (funds|credits)|suspended|no available runners/i;

/** What a refusal of the control plane means to whoever asked for `what`. */
export function refusal(what: string, error: ServiceError): GlueError {
  const { status, message } = error;
  const said = `Daytona ${what}: ${message}`;
  if (status === 401) {
    return new GlueError("authFailed", `${said} (401).`, {
      hint: "Check daytona.api_key (DAYTONA_API_KEY): it is wrong, expired or of another installation. glue doctor --runtime daytona tells more.",
      cause: error,
    });
  }
  if (QUOTA.test(message)) {
    return new GlueError("quotaExceeded", `${said} (${status}).`, {
      hint: "Free what is left over (glue prune, or the dashboard), or raise the organization's limits there.",
      cause: error,
    });
  }
  if (status === 403) {
    return new GlueError("authFailed", `${said} (403).`, {
      hint: "The key lacks a permission (write:sandboxes and delete:sandboxes are needed), or the organization's tier does not allow it.",
      cause: error,
    });
  }
  if (status === 429) {
    return new GlueError("quotaExceeded", `${said}: too many requests (429).`, {
      hint: "Wait a minute; fewer sessions at a time ask less.",
      cause: error,
      retryable: true,
    });
  }
  if (status >= 500) {
    return new GlueError("runtimeUnreachable", `${said} (${status}).`, {
      hint: "The service has a fault of its own: see its status page, and try again.",
      cause: error,
      retryable: true,
    });
  }
  return new GlueError("sandboxCreateFailed", `${said} (${status}).`, {
    hint: "Correct what it names: daytona.snapshot, daytona.target, or another of the options in glue config show.",
    cause: error,
  });
}

/** Nobody answered at the control plane. */
export function unreachable(base: string, cause: unknown): GlueError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const europe = base.includes("app-eu.")
    ? " For the EU region keep the default address and set daytona.target: eu."
    : "";
  return new GlueError("runtimeUnreachable", `Daytona does not answer at ${base}: ${reason}.`, {
    hint: `Check the network and daytona.api_base_url.${europe}`,
    cause,
    retryable: true,
  });
}
