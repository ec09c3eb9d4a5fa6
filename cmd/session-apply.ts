import { resolve } from "node:path";
import { findChanged } from "../session/change.ts";
import { checkLanding, landSession } from "../session/land.ts";
import { landSessionInPlace, undoSession } from "../session/land-in-place.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import type { Landed } from "../workspace/land.ts";
import { counted, reportCheck, unitReport } from "./apply-check.ts";
import { reportInPlace, reportUndone } from "./apply-in-place.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";
import type { Io } from "./io.ts";
import { usage } from "./parse.ts";
import { changedSession } from "./session-change-args.ts";

export const command = defineCommand({
  name: "session apply",
  summary: "Land the change of a session as a branch; nothing else of the repository is touched.",
  description:
    "The branch starts at the commit you were on when the session opened; then comes your uncommitted work of that time, if there was any, as one commit; then the commits of the session with the ids they have. It cannot conflict: merge, rebase or cherry-pick it as you like.\n\n--in-place makes no branch: it merges what the session changed into your files as they are now, with ordinary conflict markers where both changed the same place. Your index and HEAD stay as they are, and it prints the command that takes it all back.",
  args: {
    ...changedSession,
    branch: { type: "string", alias: "b", valueHint: "NAME", description: "Call the branch so, instead of glue/ID" },
    target: {
      type: "string",
      valueHint: "DIR",
      complete: "directory",
      description: "Land in the repository of this folder, instead of the one that the session came from",
    },
    checkout: {
      type: "boolean",
      description: "Switch to the branch; refused where uncommitted work would be lost",
    },
    "in-place": {
      type: "boolean",
      description: "Merge the change into the files as they are now, instead of making a branch",
    },
    undo: {
      type: "boolean",
      description: "Take back the latest --in-place of the session: every file is as it was before",
    },
    check: {
      type: "boolean",
      description: "Only say what would happen, and what of the change deserves a look",
    },
    ...outputFlags,
  },
  examples: [
    { run: "glue session apply mia1", does: "the branch glue/mia1…" },
    { run: "glue session apply --checkout", does: "the latest change of this folder, checked out" },
    { run: "glue session apply mia1 --target ../other --branch try", does: "into another clone" },
    { run: "glue session apply mia1 --check --in-place", does: "would it merge, and is there something to look at?" },
    { run: "glue session apply mia1 --in-place", does: "into the files as they are now" },
  ],
  exits: [["1", "refused, or with conflicts; with --check also where something deserves a look"]],
  async run(options, io) {
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const where = {
      ...(options.branch === undefined ? {} : { branch: options.branch }),
      ...(options.target === undefined ? {} : { target: resolve(io.cwd, options.target) }),
    };
    refuseTogether(options);
    const folder = findChanged(around.home, options.id, io.cwd);
    if (options.undo) return reportUndone(io, folder.id, await undoSession(around, folder));
    if (options["in-place"]) {
      const merged = await landSessionInPlace(around, folder, { ...where, check: options.check });
      io.endProgress();
      return reportInPlace(io, folder.id, options.check, merged);
    }
    if (options.check) return reportCheck(io, folder.id, await checkLanding(around, folder, where));
    const landed = await landSession(around, folder, { checkout: options.checkout, ...where });
    io.endProgress();
    const { outer, units, checkedOut } = landed;
    if (io.json) {
      io.outJson({
        schemaVersion: 1,
        id: folder.id,
        exact: (outer?.converted ?? []).length === 0,
        branch: outer?.branch ?? null,
        commit: outer?.commit ?? null,
        tree: outer?.tree ?? null,
        commits: outer?.commits ?? 0,
        idsKept: outer?.idsKept ?? true,
        why: outer?.why ?? [],
        converted: outer?.converted ?? [],
        already: outer?.already ?? false,
        checkedOut,
        gitDir: outer?.gitDir ?? null,
        leftInBundle: outer?.leftInBundle ?? [],
        units: units.map(unitReport),
      });
      return 0;
    }
    if (outer !== undefined) report(io, outer, folder.path);
    for (const unit of units) report(io, unit, folder.path, `${unit.path}: `);
    if (checkedOut) io.notice(`  checked out; git switch - goes back`);
    else if (outer !== undefined) io.notice(`  git merge ${outer.branch}`);
    return 0;
  },
});

/** What was landed in one repository; `where` names one inside the tree. */
function report(io: Io, landed: Landed, folder: string, where = ""): void {
  const how = landed.converted.length === 0 ? "exactly" : "as this repository keeps it";
  io.out(`${where}${landed.already ? "already " : ""}applied ${how} · tree ${landed.tree}\n`);
  io.notice(`  branch ${landed.branch}, ${counted(landed.commits, "commit")} on top of the start`);
  for (const reason of landed.why) io.notice(`  ${WHY[reason]}`);
  if (landed.converted.length > 0) {
    io.notice(`  in another form than on the disk: ${shortList(landed.converted)}`);
  }
  if (landed.leftInBundle.length > 0) {
    io.notice(`  not landed, kept in ${folder}/runtime.bundle: ${landed.leftInBundle.join(", ")}`);
  }
}

const WHY = {
  history: "its history did not stand on the start of the session, so its commits were put there and have new ids",
  converted:
    "this repository converts content on its way in (filters, line endings, encodings), so its commits have new ids",
} as const;

function shortList(items: readonly string[]): string {
  return items.slice(0, 5).join(", ") + (items.length > 5 ? `, and ${items.length - 5} more` : "");
}

interface Ways {
  readonly branch: string | undefined;
  readonly target: string | undefined;
  readonly checkout: boolean;
  readonly "in-place": boolean;
  readonly undo: boolean;
  readonly check: boolean;
}

/** Flags that ask for different things at once. */
function refuseTogether(options: Ways): void {
  const given = (...names: (keyof Ways)[]) => names.filter((name) => options[name]).map((name) => `--${name}`);
  const groups = [
    given("in-place", "branch"),
    given("in-place", "checkout"),
    given("check", "checkout"),
    ...(["in-place", "branch", "checkout", "check", "target"] as const).map((name) => given("undo", name)),
  ];
  const together = groups.find((group) => group.length > 1);
  if (together !== undefined) throw usage({ name: "session apply" }, `${together.join(" and ")} do not go together.`);
}
