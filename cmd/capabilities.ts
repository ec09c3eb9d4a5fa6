import { capabilitiesReport } from "../spec/capabilities-json.ts";
import { CAPABILITIES, CAPABILITY_MEANS, type CapabilityValue, RUNTIME_IDS } from "../spec/generated/capabilities.ts";
import { columns, wrap } from "./columns.ts";
import { defineCommand } from "./command.ts";
import { jsonFlag } from "./flags.ts";
import type { Io, Style } from "./io.ts";

type Runtime = ReturnType<typeof capabilitiesReport>["runtimes"][number];

export const command = defineCommand({
  name: "capabilities",
  summary: "Show what each runtime can do.",
  description:
    "A yes or a partial is claimed only where a test shows it; --json names the tests, what they ran against and when. planned says nothing about what works today.",
  args: {
    runtime: { type: "enum", alias: "r", options: RUNTIME_IDS, description: "Only this one" },
    ...jsonFlag,
  },
  examples: [
    { run: "glue capabilities", does: "the matrix" },
    { run: "glue capabilities -r docker", does: "one runtime, and what each capability means" },
    { run: "glue capabilities --json | jq '.runtimes[].id'", does: "for tools" },
  ],
  async run({ runtime }, io) {
    const report = capabilitiesReport(runtime);
    if (io.json) io.outJson(report);
    else if (runtime !== undefined) io.out(report.runtimes.map((one) => describe(one, io)).join(""));
    else io.out(matrix(report.runtimes, io));
    return 0;
  },
});

const STYLES: Readonly<Record<CapabilityValue, Style>> = { yes: "green", partial: "yellow", planned: "dim", no: "dim" };

/** Capabilities down, runtimes across: that way it fits 80 columns. Below each other where even that is too wide. */
function matrix(runtimes: readonly Runtime[], io: Io): string {
  const head = ["", ...runtimes.map(({ id }) => io.paint(1, "bold", id))];
  const status = ["", ...runtimes.map((runtime) => io.paint(1, "dim", runtime.status))];
  const rows = CAPABILITIES.map((name) => [
    name,
    ...runtimes.map((runtime) => cell(runtime.capabilities[name].value, io)),
  ]);
  const table = columns([head, status, ...rows]);
  const widest = Math.max(...table.split("\n").map((line) => Bun.stringWidth(line)));
  return widest <= io.width(1) ? table : runtimes.map((runtime) => byValue(runtime, io)).join("\n");
}

function byValue(runtime: Runtime, io: Io): string {
  const lines = [`${io.paint(1, "bold", runtime.id)} (${runtime.status})`];
  for (const value of ["yes", "partial", "planned", "no"] as const) {
    const names = CAPABILITIES.filter((name) => runtime.capabilities[name].value === value);
    if (names.length === 0) continue;
    lines.push(`  ${cell(value, io)}`, ...wrap(names.join(" "), io.width(1) - 4).map((line) => `    ${line}`));
  }
  return `${lines.join("\n")}\n`;
}

function describe(runtime: Runtime, io: Io): string {
  const title = `${io.paint(1, "bold", runtime.id)} (${runtime.status}): ${runtime.note}\n`;
  const cap = runtime.limits.bundleCapMb;
  const limit = cap === undefined ? "" : `A tree of up to ${cap} MB is uploaded as one bundle.\n`;
  const rows = CAPABILITIES.map((name) => [name, cell(runtime.capabilities[name].value, io), CAPABILITY_MEANS[name]]);
  return title + limit + columns(rows);
}

function cell(value: CapabilityValue, io: Io): string {
  return io.paint(1, STYLES[value], value);
}
