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

const NAME = /^(?!ap-[A-Za-z0-9]{22}$)[A-Za-z0-9._-]{1,64}$/;
const NAME_MEANS = "Letters, digits, '.', '_' and '-', at most 64; not the id of an App.";
const ENVIRONMENT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const ENVIRONMENT_MEANS = "Letters, digits, '.', '_' and '-', at most 64; a letter or a digit first.";

/** What the SDK or the service would refuse only when the App and the image are made. By the SDK's own rules where it has some (1.6.4). */
const SHAPES: readonly (readonly [key: keyof Options, what: string, shape: RegExp, means: string])[] = [
  ["modal.app_name", "App name", NAME, NAME_MEANS],
  ["modal.secrets", "name of a secret", NAME, NAME_MEANS],
  ["modal.environment", "name of an environment", ENVIRONMENT, ENVIRONMENT_MEANS],
  ["modal.image", "image", /^\S+$/, "A registry tag, an image id (im-…) or the name of one that was published."],
  ["modal.gpu", "GPU", /^[A-Za-z0-9][A-Za-z0-9-]*!?(:[1-9]\d{0,2})?$/, "For instance T4 or A100:2."],
  ["modal.region", "region", /^[A-Za-z0-9][A-Za-z0-9-]*$/, "For instance us-east."],
];

/** Throws `optionInvalid` with the option's name for what Modal would refuse. */
export function wishesOf(options: Options): Wishes {
  for (const [key, what, shape, means] of SHAPES) {
    const wrong = [options[key] ?? []].flat().find((value) => !shape.test(String(value)));
    if (wrong !== undefined) throw invalid(key, `${JSON.stringify(wrong)} is no ${what}`, means);
  }
  const app = options["modal.app_name"];
  const allow = options["modal.outbound_cidr_allowlist"];
  const blocked = options["modal.block_network"];
  if (blocked && allow.length > 0) {
    throw invalid(
      "modal.block_network",
      "true leaves nothing to allow",
      "Leave out one of it and outbound_cidr_allowlist.",
    );
  }
  for (const block of allow) {
    const [address = "", bits = ""] = block.split("/");
    const most = { 4: 32, 6: 128 }[isIP(address)];
    if (most === undefined || !/^\d{1,3}$/.test(bits) || Number(bits) > most) {
      throw invalid(
        "modal.outbound_cidr_allowlist",
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

function invalid(key: keyof Options, what: string, hint: string): GlueError {
  return new GlueError("optionInvalid", `${key}: ${what}.`, { hint });
}
