/** Why a clone failed, from what git said, and what to do about it. */
import { GlueError } from "../spec/glue-error.ts";

export type CloneFailure =
  | "credentials"
  | "sso"
  | "network"
  | "tls"
  | "notFound"
  | "commitMissing"
  | "timeout"
  | "other";

interface Kind {
  readonly failure: CloneFailure;
  readonly said: RegExp;
  readonly why: (host: string) => string;
  readonly hint: string;
}

/** The first that fits counts. git is run with LC_ALL=C, so these are its own words; the rest are the servers'. */
const KINDS: readonly Kind[] = [
  {
    failure: "sso",
    said: /SAML|\bSSO\b|single sign-on/i,
    why: (host) => `${host} asks for single sign-on`,
    hint: "Authorize the sandbox's credentials for the organization's single sign-on, or let glue send the tree.",
  },
  {
    failure: "commitMissing",
    said: /not our ref|couldn't find remote ref|no such remote ref|unadvertised object|did not send all necessary objects/i,
    why: () => "the remote does not have the commit",
    hint: "Push the branch, or run git fetch so that glue knows what the remote has.",
  },
  {
    failure: "credentials",
    said: /could not read (Username|Password)|Authentication failed|terminal prompts disabled|\b40[13]\b|Access denied|Permission.*denied|Invalid username/i,
    why: (host) => `${host} asks for credentials that the sandbox does not have`,
    hint: "Give the sandbox credentials of its own (an image with a git credential helper), or let glue send the tree.",
  },
  {
    failure: "notFound",
    said: /Repository not found|not found|\b404\b|does not appear to be a git repository/i,
    why: (host) => `${host} has no such repository, or does not show it without credentials`,
    hint: "Check the remote's URL; a private repository needs credentials in the sandbox.",
  },
  {
    failure: "tls",
    said: /certificate|SSL|TLS|GnuTLS/i,
    why: (host) => `the sandbox does not trust the certificate of ${host}`,
    hint: "Use an image with ca-certificates (or with the certificate of your own authority).",
  },
  {
    failure: "timeout",
    said: /timed out|Operation too slow/i,
    why: (host) => `${host} did not answer in time`,
    hint: "Check the sandbox's network.",
  },
  {
    failure: "network",
    said: /Could not resolve|Failed to connect|Couldn't connect|Connection (refused|reset)|Network is unreachable|No route to host|unable to access|early EOF|hung up/i,
    why: (host) => `the sandbox does not reach ${host}`,
    hint: "Check the sandbox's network, or a proxy that it needs.",
  },
];

/** `cloneFailed` with the reason in words and a hint; git's own words are the cause. */
export function classifyCloneFailure(plan: { readonly url: string }, stderr: string): GlueError {
  const { host } = new URL(plan.url);
  const kind = KINDS.find(({ said }) => said.test(stderr));
  const last = stderr.trim().split("\n").at(-1) ?? "";
  const why = kind === undefined ? last || "git gave no reason" : kind.why(host);
  return new GlueError("cloneFailed", `Cloning ${plan.url} inside the sandbox failed: ${why}.`, {
    hint: kind?.hint ?? "Check the sandbox's network and credentials.",
    cause: new Error(stderr.trim()),
  });
}

/** Which kind of failure git's words tell of. */
export function cloneFailureOf(stderr: string): CloneFailure {
  return KINDS.find(({ said }) => said.test(stderr))?.failure ?? "other";
}
