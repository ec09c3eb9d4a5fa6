import * as v from "valibot";
import { type CheckedYaml, checkYaml, firstDuplicate } from "./check.ts";

const Id = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_]*$/, "must be lower case letters, digits and _"));
const Sentence = v.pipe(v.string(), v.nonEmpty("must not be empty"));

const CapabilitiesSchema = v.strictObject({
  schema_version: v.literal(1),
  capabilities: v.array(v.strictObject({ id: Id, means: Sentence })),
  runtimes: v.array(
    v.strictObject({
      id: Id,
      status: v.picklist(["shipping", "experimental", "planned"]),
      note: Sentence,
      limits: v.strictObject({ bundle_cap_mb: v.optional(v.pipe(v.number(), v.minValue(0))) }),
      capabilities: v.record(Id, v.picklist(["yes", "partial", "planned", "no"])),
    }),
  ),
});

/** What `spec/runtime-capabilities.yaml` holds. */
export type CapabilitiesSpec = v.InferOutput<typeof CapabilitiesSchema>;
/** One runtime of it. */
export type RuntimeRow = CapabilitiesSpec["runtimes"][number];

/** Parses and checks the file's text. Throws `SpecError`. */
export function readCapabilities(text: string, file: string): CheckedYaml<CapabilitiesSpec> {
  const checked = checkYaml(text, file, CapabilitiesSchema);
  const { capabilities, runtimes } = checked.data;
  const names = capabilities.map((row) => row.id);
  const twiceCapability = firstDuplicate(names);
  if (twiceCapability)
    throw checked.fail(["capabilities", twiceCapability.index], `${twiceCapability.value} is declared twice`);
  const twiceRuntime = firstDuplicate(runtimes.map((row) => row.id));
  if (twiceRuntime) throw checked.fail(["runtimes", twiceRuntime.index], `${twiceRuntime.value} is declared twice`);
  for (const [index, runtime] of runtimes.entries()) {
    for (const name of Object.keys(runtime.capabilities)) {
      if (!names.includes(name)) {
        throw checked.fail(
          ["runtimes", index, "capabilities", name],
          `${runtime.id} names an unknown capability "${name}"`,
        );
      }
    }
    for (const name of names) {
      if (runtime.capabilities[name] === undefined) {
        throw checked.fail(["runtimes", index, "capabilities"], `${runtime.id} says nothing of ${name}`);
      }
    }
  }
  return checked;
}
