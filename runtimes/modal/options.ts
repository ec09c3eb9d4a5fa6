import { isIP } from "node:net";
import { GlueError, type Options } from "../contract.ts";

/** What a sandbox is to be like, in the words of the sidecar's `open`; checked before anything is asked for. */
export interface Wishes {
  readonly app: string;
  readonly image: string | null;
  readonly timeout: number;
  readonly environment?: string;
  readonly secrets: readonly string[];
  readonly cpu?: number;
  readonly memory?: number;
  readonly gpu?: string;
  readonly region?: string;
  readonly block_network?: boolean;
  readonly outbound_cidr_allowlist?: readonly string[];
}

/** Throws `optionInvalid` with the option's name for what Modal would refuse. */
export function wishesOf(options: Options): Wishes {
  const app = options["modal.app_name"];
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(app)) {
    throw invalid(
      "app_name",
      `${JSON.stringify(app)} is no App name`,
      "Letters, digits, '.', '_' and '-', at most 64.",
    );
  }
  const allow = options["modal.outbound_cidr_allowlist"];
  const blocked = options["modal.block_network"];
  if (blocked && allow.length > 0) {
    throw invalid("block_network", "true leaves nothing to allow", "Leave out one of it and outbound_cidr_allowlist.");
  }
  for (const block of allow) {
    const [address = "", bits = ""] = block.split("/");
    const most = { 4: 32, 6: 128 }[isIP(address)];
    if (most === undefined || !/^\d{1,3}$/.test(bits) || Number(bits) > most) {
      throw invalid(
        "outbound_cidr_allowlist",
        `${JSON.stringify(block)} is no block of addresses`,
        "For instance 203.0.113.0/24.",
      );
    }
  }
  const { cpu, memory, gpu, region, environment, image } = {
    cpu: options["modal.cpu"],
    memory: options["modal.memory"],
    gpu: options["modal.gpu"],
    region: options["modal.region"],
    environment: options["modal.environment"],
    image: options["modal.image"],
  };
  return {
    app,
    image: image ?? null,
    timeout: options["modal.sandbox_timeout_seconds"],
    secrets: options["modal.secrets"],
    ...(environment === undefined ? {} : { environment }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...(gpu === undefined ? {} : { gpu }),
    ...(region === undefined ? {} : { region }),
    ...(blocked ? { block_network: true } : {}),
    ...(allow.length > 0 ? { outbound_cidr_allowlist: allow } : {}),
  };
}

function invalid(key: string, what: string, hint: string): GlueError {
  return new GlueError("optionInvalid", `modal.${key}: ${what}.`, { hint });
}
