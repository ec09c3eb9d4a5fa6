import type { ContractTarget } from "../target.ts";
import { daytona } from "./daytona.ts";
import { dockerBusybox, dockerDebian, dockerPlain } from "./docker.ts";
import { host } from "./host.ts";
import { modal } from "./modal.ts";
import { sprites } from "./sprites.ts";

/** A line each. The order is that of the ladder. */
export const TARGETS: readonly ContractTarget[] = [
  host,
  dockerDebian,
  dockerPlain,
  dockerBusybox,
  daytona,
  sprites,
  ...modal,
];
