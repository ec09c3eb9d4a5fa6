import { changeOf } from "../session/change.ts";
import { type CommandEntry, readCommandLog } from "../session/command-log.ts";
import { findSession } from "../session/find.ts";
import { readOrHeal } from "../session/heal.ts";
import { describe } from "../session/list.ts";
import { type SessionMeta, savedChange } from "../session/meta.ts";
import type { Surroundings } from "../session/session.ts";
import { type SessionFolder, sessionFolder } from "../session/store.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { isGlueError } from "../spec/glue-error.ts";
import {
  asText,
  type Change,
  type ChangeCommit,
  type ChangedFile,
  type DiffOptions,
  diff,
  listCommits,
  listFiles,
} from "../workspace/change.ts";
import { columns } from "./columns.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";
import type { Io } from "./io.ts";
import { duration } from "./progress.ts";

export const command = defineCommand({
  name: "session show",
  summary: "Show a session: what it is, what it changed, what ran in it.",
  args: {
    id: {
      type: "positional",
      required: false,
      complete: "session",
      description: "The session, or the beginning of its id; left out, the one that is open for this folder",
    },
    log: { type: "boolean", description: "Every command that ran in it" },
    ...outputFlags,
  },
  examples: [
    { run: "glue session show mia1", does: "its commits and how much they change" },
    { run: "glue session show mia1 --log", does: "its commands, how each ended and when" },
  ],
  async run(options, io) {
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const folder = sessionFolder(around.home, findSession(around.home, options.id, io.cwd));
    const meta = await readOrHeal(around, folder);
    const change = await readChange(around, folder, meta, io);
    const log = options.log ? readCommandLog(folder.events, around.facts) : undefined;
    if (io.json) {
      const { capture, stage } = meta;
      io.outJson({
        schemaVersion: 1,
        ...describe(around, folder, meta),
        path: folder.path,
        capture: capture ?? null,
        strategy: stage?.strategy ?? null,
        commits: change?.commits ?? [],
        files: change?.files ?? [],
        refs: change?.refs ?? [],
        units: change?.units.map(({ path, commits, files, refs }) => ({ path, commits, files, refs })) ?? [],
        ...(log === undefined ? {} : { log }),
      });
      return 0;
    }
    io.out(columns(facts(around, folder, meta)));
    if (change !== undefined) {
      io.out(`\n${change.commits.map(commitLine).join("")}\n${change.stat}`);
      for (const { path, commits, stat } of change.units)
        io.out(`\n${path}:\n${commits.map(commitLine).join("")}\n${stat}`);
      io.notice(`\nglue session diff ${meta.id} shows it, glue session apply ${meta.id} lands it.`);
    }
    if (log !== undefined) io.out(`\n${columns(log.commands.map(logRow))}`);
    if (log !== undefined && log.damagedLines > 0) io.warn(`${log.damagedLines} lines of the log could not be read.`);
    return 0;
  },
});

async function readChange(around: Surroundings, folder: SessionFolder, meta: SessionMeta, io: Io) {
  try {
    const change = await changeOf(around, folder, meta);
    const options = { color: io.paint(1, "red", "x") !== "x", statWidth: io.width(1) };
    const own = await readOne(change, options);
    const units: (Read & { path: string })[] = [];
    for (const { path, change: inner } of change.units) units.push({ path, ...(await readOne(inner, options)) });
    return { ...own, units };
  } catch (error) {
    if (isGlueError(error, "nothingToLand")) return undefined;
    if (!isGlueError(error, "gitMissing")) throw error;
    io.warn("The change itself cannot be shown: git is not installed here.");
    return undefined;
  }
}

interface Read {
  readonly commits: ChangeCommit[];
  readonly files: ChangedFile[];
  readonly refs: Change["refs"];
  readonly stat: string;
}

async function readOne(change: Change, options: DiffOptions): Promise<Read> {
  const stat = diff(change, options);
  const [commits, files, text] = await Promise.all([
    listCommits(change),
    listFiles(change),
    asText(stat.stdout),
    stat.done,
  ]);
  return { commits, files, refs: change.refs, stat: text };
}

function facts(around: Surroundings, folder: SessionFolder, meta: SessionMeta): string[][] {
  const row = describe(around, folder, meta);
  const runtime =
    meta.runtime === meta.requestedRuntime ? meta.runtime : `${meta.runtime} (not ${meta.requestedRuntime})`;
  const rows = [
    ["session", meta.id],
    ["state", meta.note === undefined ? meta.state : `${meta.state}: ${meta.note}`],
    ["runtime", `${runtime}, ${meta.mode === "copy" ? "on a copy" : "on your files"}`],
    ["sandbox", row.sandbox ?? "-"],
    ["folder", meta.tree.top],
    ["opened", meta.createdAt],
    ["files", folder.path],
    ...checkpointRow(meta),
  ];
  const told = changeFact(meta);
  return told === undefined ? rows : [...rows, ["change", told]];
}

/** Of a session whose end brought nothing newer. */
function checkpointRow(meta: SessionMeta): string[][] {
  const { checkpoint } = meta;
  if (checkpoint === undefined || savedChange(meta) !== checkpoint) return [];
  const { commits, files_changed: files, head_tree: tree } = checkpoint.facts ?? {};
  const what =
    checkpoint.status === "captured" ? `${commits} commits, ${files} files · tree ${tree}` : "nothing had changed";
  return [["checkpoint", `${checkpoint.at}: ${what}`]];
}

function changeFact({ capture, landedAt }: SessionMeta): string | undefined {
  if (capture === undefined) return undefined;
  if (capture.status === "nothing") return "none";
  if (capture.status === "unavailable") return `unavailable (${capture.reason}): ${capture.message}`;
  const known = capture.facts ?? {};
  const parts = [
    `${known.commits ?? 0} commits, ${known.files_changed ?? 0} files · tree ${known.head_tree ?? known.tree}`,
  ];
  if (Array.isArray(known.units)) {
    const changed = known.units.filter(({ status }) => status === "captured").map(({ path }) => path);
    if (changed.length > 0) parts.push(`also in ${changed.join(", ")}`);
  }
  if (known.mbox_exact === false) parts.push("runtime.mbox does not carry all of it; apply does");
  if (known.quiescent === false) parts.push("files were still changing");
  parts.push(landedAt !== undefined && landedAt >= capture.at ? `landed or exported ${landedAt}` : "not landed yet");
  return parts.join("; ");
}

function commitLine({ id, author, date, subject }: ChangeCommit): string {
  return `${id.slice(0, 12)} ${date.slice(0, 10)} ${subject} (${author})\n`;
}

function logRow(entry: CommandEntry): string[] {
  const how = entry.exitCode === undefined ? entry.state : `${entry.outcome ?? entry.state} ${entry.exitCode}`;
  const took = entry.ms === undefined ? "" : duration(entry.ms);
  return [entry.startedAt, how, took, entry.argv?.join(" ") ?? entry.script ?? ""];
}
