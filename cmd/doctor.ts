import { RUNTIME_IDS, type RuntimeId } from "../spec/generated/capabilities.ts";
import { wrap } from "./columns.ts";
import { defineCommand } from "./command.ts";
import { type Diagnosis, diagnose } from "./diagnose.ts";
import { jsonFlag, settingFlags } from "./flags.ts";
import type { Io, Style } from "./io.ts";
import { resolveSettings } from "./settings.ts";

export const command = defineCommand({
  name: "doctor",
  summary: "Show which runtimes are ready, and the one command that mends what is not.",
  description:
    "Without flags it looks at every runtime and judges by the one that is configured; --runtime looks at one and judges by it; --all wants every runtime to be ready.",
  args: {
    ...settingFlags,
    all: { type: "boolean", description: "Exit with 1 when any runtime is not ready" },
    ...jsonFlag,
  },
  examples: [
    { run: "glue doctor", does: "after installing" },
    { run: "glue doctor -r docker && glue run -r docker -- make", does: "in a script" },
  ],
  exits: [["1", "The chosen runtime is not ready (any, with --all)"]],
  async run(options, io) {
    const resolved = await resolveSettings(options, io, "none");
    const chosen = resolved.options.runtime;
    const looked = options.runtime === undefined || options.all ? RUNTIME_IDS : [chosen];
    io.progress({ what: `Looking at ${looked.join(", ")}` });
    const diagnoses = await Promise.all(looked.map((id) => diagnose(id, resolved)));
    io.endProgress();
    const judged = options.all ? diagnoses : diagnoses.filter(({ id }) => id === chosen);
    const ready = judged.every((one) => one.ready);
    const runtimes = diagnoses.map((one) => ({ ...one, selected: one.id === chosen }));
    if (io.json) io.outJson({ schemaVersion: 1, runtimes });
    else io.out(diagnoses.map((one) => show(one, chosen, io)).join("\n"));
    return ready ? 0 : 1;
  },
});

const MARKS: Readonly<Record<string, readonly [string, Style]>> = {
  ok: ["✓", "green"],
  warn: ["!", "yellow"],
  missing: ["✗", "red"],
};

function show(diagnosis: Diagnosis, chosen: RuntimeId, io: Io): string {
  const { id, ready, checks } = diagnosis;
  const state = ready ? io.paint(1, "green", "ready") : io.paint(1, "red", "not ready");
  const lines = [`${io.paint(1, "bold", id)}: ${state}${id === chosen ? " (chosen)" : ""}`];
  for (const { name, status, detail, fix } of checks) {
    const [mark, style] = MARKS[status] ?? ["?", "dim"];
    const [first = "", ...rest] = wrap(`${name}: ${detail}`, io.width(1) - 4);
    lines.push(`  ${io.paint(1, style, mark)} ${first}`, ...rest.map((line) => `    ${line}`));
    // Not wrapped: it is there to be copied.
    if (fix !== undefined) lines.push(`    ${io.paint(1, "cyan", "→")} ${fix}`);
  }
  return `${lines.join("\n")}\n`;
}
