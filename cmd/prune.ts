import { type PruneItem, prune } from "../session/prune.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { RUNTIME_IDS } from "../spec/generated/capabilities.ts";
import { defineCommand } from "./command.ts";
import { parseDuration } from "./duration.ts";
import { outputFlags } from "./flags.ts";
import type { Io } from "./io.ts";
import { resolveSettings } from "./settings.ts";

export const command = defineCommand({
  name: "prune",
  summary: "Find what a crash left behind, save its changes, release it.",
  description:
    "Looks at the sessions on record and at everything with glue's labels on the runtimes that are configured. A session of one command is an orphan when its process is gone. An open one is an orphan when its folder is gone, or with --older-than when it was not used for so long. What cannot be proven ours and dead is kept, and said.",
  args: {
    "dry-run": { type: "boolean", alias: "n", description: "Only say what would be done" },
    "older-than": {
      type: "string",
      valueHint: "TIME",
      description: "End open sessions that were not used for longer, too (2h, 7d)",
    },
    runtime: { type: "enum", alias: "r", options: RUNTIME_IDS, description: "Look at this runtime only" },
    ...outputFlags,
  },
  examples: [
    { run: "glue prune --dry-run", does: "what would be done" },
    { run: "glue prune --older-than 7d", does: "forgotten sessions as well" },
  ],
  exits: [["1", "Something that should be released is still there, or a runtime could not be asked"]],
  async run(options, io) {
    const olderThan = options["older-than"];
    const olderThanMs = olderThan === undefined ? undefined : parseDuration(olderThan, "--older-than");
    const resolved = await resolveSettings({}, io, "none");
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const report = await prune(around, {
      resolved,
      dryRun: options["dry-run"],
      ...(olderThanMs === undefined ? {} : { olderThanMs }),
      ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
    });
    io.endProgress();
    if (io.json) io.outJson({ schemaVersion: 1, dryRun: options["dry-run"], ...report });
    else tell(report.items, options["dry-run"], io);
    for (const { runtime, why } of report.unasked)
      io.warn(`${runtime} could not be asked, so what it holds is unknown: ${why}`);
    return report.unasked.length > 0 || report.items.some(({ outcome }) => outcome === "failed") ? 1 : 0;
  },
});

function tell(items: readonly PruneItem[], dryRun: boolean, io: Io): void {
  for (const item of items) {
    const what = `session ${item.session}${item.runtime === undefined ? "" : ` (${item.runtime})`}`;
    if (item.outcome === "released")
      io.out(`released ${what}: ${item.why}${item.captured ? "; its change is saved" : ""}\n`);
    else if (item.outcome === "would-release") io.out(`would release ${what}: ${item.why}\n`);
    else if (item.outcome === "failed") io.warn(`${what} is an orphan and could not be released: ${item.why}`);
    else if (item.outcome === "unknown") io.warn(`${what} is kept: ${item.why}`);
    else io.detail(`${what} is kept: ${item.why}`);
  }
  if (items.some(({ outcome }) => outcome !== "kept")) return;
  io.notice(dryRun ? "There is nothing to release." : "There was nothing to release.");
}
