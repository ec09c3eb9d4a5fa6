import {
  CAPABILITIES,
  type Capability,
  type CapabilityValue,
  RUNTIMES,
  type RuntimeId,
  type RuntimeStatus,
} from "./generated/capabilities.ts";
import { type CellEvidence, EVIDENCE } from "./generated/evidence.ts";

/** What `glue capabilities --json` prints; `docs/schemas/capabilities.schema.json` describes it. */
export interface CapabilitiesReport {
  readonly schemaVersion: 1;
  readonly runtimes: readonly {
    readonly id: RuntimeId;
    readonly status: RuntimeStatus;
    readonly note: string;
    readonly limits: { readonly bundleCapMb?: number };
    readonly capabilities: Readonly<
      Record<Capability, { readonly value: CapabilityValue; readonly evidence: CellEvidence | null }>
    >;
  }[];
}

/** The matrix with what shows each cell; one runtime or all. */
export function capabilitiesReport(only?: RuntimeId): CapabilitiesReport {
  const runtimes = RUNTIMES.filter((runtime) => only === undefined || runtime.id === only).map((runtime) => {
    const cells = CAPABILITIES.map((name) => [
      name,
      { value: runtime.capabilities[name], evidence: EVIDENCE[`${runtime.id}.${name}`] ?? null },
    ]);
    return { ...runtime, capabilities: Object.fromEntries(cells) };
  });
  return { schemaVersion: 1, runtimes };
}
