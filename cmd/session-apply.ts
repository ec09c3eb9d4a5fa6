import { resolve } from "node:path";
import { findChanged } from "../session/change.ts";
import { landSession } from "../session/land.ts";
import { surroundingsOf } from "../session/surroundings.ts";
import { defineCommand } from "./command.ts";
import { outputFlags } from "./flags.ts";
import { changedSession } from "./session-change-args.ts";

export const command = defineCommand({
  name: "session apply",
  summary: "Land the change of a session as a branch; nothing else of the repository is touched.",
  description:
    "The branch starts at the commit you were on when the session opened; then comes your uncommitted work of that time, if there was any, as one commit; then the commits of the session with the ids they have. It cannot conflict: merge, rebase or cherry-pick it as you like.",
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
    ...outputFlags,
  },
  examples: [
    { run: "glue session apply mia1", does: "the branch glue/mia1…" },
    { run: "glue session apply --checkout", does: "the latest change of this folder, checked out" },
    { run: "glue session apply mia1 --target ../other --branch try", does: "into another clone" },
  ],
  async run(options, io) {
    const around = surroundingsOf({ voice: io, progress: io.progress, env: io.env });
    const folder = findChanged(around.home, options.id, io.cwd);
    const landed = await landSession(around, folder, {
      checkout: options.checkout,
      ...(options.branch === undefined ? {} : { branch: options.branch }),
      ...(options.target === undefined ? {} : { target: resolve(io.cwd, options.target) }),
    });
    io.endProgress();
    if (io.json) {
      const { branch, commit, tree, idsKept, why, converted, commits, already, gitDir, leftInBundle, checkedOut } =
        landed;
      io.outJson({
        schemaVersion: 1,
        id: folder.id,
        exact: converted.length === 0,
        branch,
        commit,
        tree,
        commits,
        idsKept,
        why,
        converted,
        already,
        checkedOut,
        gitDir,
        leftInBundle,
      });
      return 0;
    }
    const how = landed.converted.length === 0 ? "exactly" : "as this repository keeps it";
    io.out(`${landed.already ? "already " : ""}applied ${how} · tree ${landed.tree}\n`);
    io.notice(`  branch ${landed.branch}, ${counted(landed.commits, "commit")} on top of the start`);
    for (const reason of landed.why) io.notice(`  ${WHY[reason]}`);
    if (landed.converted.length > 0) {
      io.notice(`  in another form than on the disk: ${shortList(landed.converted)}`);
    }
    if (landed.leftInBundle.length > 0) {
      io.notice(`  not landed, kept in ${folder.path}/runtime.bundle: ${landed.leftInBundle.join(", ")}`);
    }
    if (landed.checkedOut) io.notice(`  checked out; git switch - goes back`);
    else io.notice(`  git merge ${landed.branch}`);
    return 0;
  },
});

const WHY = {
  history: "its history did not stand on the start of the session, so its commits were put there and have new ids",
  converted:
    "this repository converts content on its way in (filters, line endings, encodings), so its commits have new ids",
} as const;

function shortList(items: readonly string[]): string {
  return items.slice(0, 5).join(", ") + (items.length > 5 ? `, and ${items.length - 5} more` : "");
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
