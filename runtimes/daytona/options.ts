import { GlueError, type Options } from "../contract.ts";

/** The most that the service takes between a stop and the deletion, and for its other intervals: 30 days would be 43,200 minutes. */
const MOST_DOMAINS = 20;

/** What a sandbox is to be like, checked as far as it can be before anything is asked for. */
export interface SandboxWishes {
  readonly snapshot: string | undefined;
  readonly target: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly autoStopMinutes: number;
  readonly lifetimeMinutes: number;
  readonly network: Readonly<Record<string, string | boolean>>;
}

/** Throws `optionInvalid` with the option's name for whatever the service would refuse, or take for something else. */
export function wishesOf(options: Options): SandboxWishes {
  const allow = options["daytona.network_allow_list"];
  const domains = options["daytona.domain_allow_list"];
  const blocked = options["daytona.network_block_all"];
  if (blocked && (allow.length > 0 || domains.length > 0)) {
    throw invalid(
      "network_block_all",
      "true leaves nothing to allow",
      "Leave out network_allow_list and domain_allow_list, or network_block_all.",
    );
  }
  for (const block of allow) {
    if (!isIpv4Block(block))
      throw invalid("network_allow_list", `${JSON.stringify(block)} is no IPv4 block`, "For instance 203.0.113.0/24.");
  }
  if (domains.length > MOST_DOMAINS)
    throw invalid(
      "domain_allow_list",
      `${domains.length} names; the service takes ${MOST_DOMAINS}`,
      "Allow a parent domain.",
    );
  for (const domain of domains) {
    if (!/^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$/i.test(domain)) {
      throw invalid(
        "domain_allow_list",
        `${JSON.stringify(domain)} is no domain name`,
        "For instance example.com or *.example.com.",
      );
    }
  }
  return {
    snapshot: options["daytona.snapshot"],
    target: options["daytona.target"],
    env: pairs("env", options["daytona.env"], /^[A-Za-z_][A-Za-z0-9_]*$/),
    labels: pairs("labels", options["daytona.labels"], /^(?!dev\.glue\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/),
    autoStopMinutes: options["daytona.auto_stop_minutes"],
    lifetimeMinutes: options["daytona.lifetime_minutes"],
    network: {
      ...(blocked ? { networkBlockAll: true } : {}),
      ...(allow.length > 0 ? { networkAllowList: allow.join(",") } : {}),
      ...(domains.length > 0 ? { domainAllowList: domains.join(",") } : {}),
    },
  };
}

/** The key, which the spec requires; an empty one never gets here. */
export function apiKeyOf(options: Options): string {
  const key = options["daytona.api_key"];
  if (key) return key;
  throw new GlueError("secretMissing", "daytona.api_key is not set.", {
    hint: "Make a key in Daytona's dashboard and set DAYTONA_API_KEY to it.",
  });
}

function pairs(name: string, words: readonly string[], allowed: RegExp): Record<string, string> {
  const found: Record<string, string> = {};
  for (const word of words) {
    const at = word.indexOf("=");
    const key = at < 0 ? word : word.slice(0, at);
    if (at < 0) throw invalid(name, `${JSON.stringify(key)} has no value`, "Write NAME=VALUE.");
    // The value may be a secret: it is not shown.
    if (!allowed.test(key)) throw invalid(name, `${JSON.stringify(key)} cannot be a name here`, "Write NAME=VALUE.");
    found[key] = word.slice(at + 1);
  }
  return found;
}

function isIpv4Block(text: string): boolean {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (match === null) return false;
  const [a, b, c, d, bits] = match.slice(1).map(Number);
  return [a, b, c, d].every((part) => part !== undefined && part <= 255) && bits !== undefined && bits <= 32;
}

function invalid(name: string, why: string, hint: string): GlueError {
  return new GlueError("optionInvalid", `daytona.${name}: ${why}.`, { hint });
}
