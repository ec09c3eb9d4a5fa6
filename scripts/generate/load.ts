import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CapabilitiesSpec, readCapabilities } from "../../spec/schema/capabilities.ts";
import { type ErrorRows, readErrors } from "../../spec/schema/errors.ts";
import { type Evidence, readEvidence } from "../../spec/schema/evidence.ts";
import { type OptionRow, readOptions, refuseClashes } from "../../spec/schema/options.ts";

const EVIDENCE = "spec/evidence.json";

/** Everything that the YAML files declare, checked. */
export interface Spec {
  readonly capabilities: CapabilitiesSpec;
  /** The text of `runtime-capabilities.yaml`, for its copy. */
  readonly capabilitiesText: string;
  /** common first, then in the order of the runtimes. */
  readonly options: readonly OptionRow[];
  readonly errors: ErrorRows;
  /** Undefined where `spec/evidence.json` does not exist. */
  readonly evidence: Evidence | undefined;
  /** Changes whenever a declaration of an option does. */
  readonly fingerprint: string;
}

/** Reads `spec/` below `root`. Throws `SpecError` with `file:line:column` for whatever is wrong. */
export function loadSpec(root: string): Spec {
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  const capabilitiesFile = "spec/runtime-capabilities.yaml";
  const capabilitiesText = read(capabilitiesFile);
  const capabilities = readCapabilities(capabilitiesText, capabilitiesFile).data;

  const order = ["common", ...capabilities.runtimes.map((runtime) => runtime.id)];
  const rank = (group: string) => (order.includes(group) ? order.indexOf(group) : order.length);
  const groups = readdirSync(join(root, "spec/options"))
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => name.slice(0, -".yaml".length))
    .sort((a, b) => rank(a) - rank(b));
  const texts = groups.map((group) => read(`spec/options/${group}.yaml`));
  const files = groups.map((group, index) =>
    readOptions(texts[index] ?? "", `spec/options/${group}.yaml`, group, capabilities.runtimes),
  );
  refuseClashes(files);

  return {
    capabilities,
    capabilitiesText,
    options: files.flatMap((file) => file.rows),
    errors: readErrors(read("spec/errors.yaml"), "spec/errors.yaml").data,
    evidence: existsSync(join(root, EVIDENCE)) ? readEvidence(read(EVIDENCE), EVIDENCE) : undefined,
    fingerprint: Bun.hash([capabilitiesText, ...texts].join("\0")).toString(16),
  };
}
