import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Home, openHome } from "../../../session/home.ts";
import { type KeeperLease, liveLease } from "../../../session/keeper-lease.ts";
import { machineFacts } from "../../../session/owner.ts";
import { sessionFolder } from "../../../session/store.ts";

export const keeperOf = (home: Home, id: string): KeeperLease | undefined =>
  liveLease(sessionFolder(home, id), machineFacts(home.root));

/** A home of a run's own, on a file system of 16 MB where its disk is to fill up. */
export interface RunHome {
  readonly home: Home;
  fill(): void;
  free(): void;
  dispose(): void;
}

export function runHome(parent: string, small: boolean): RunHome {
  const root = join(parent, "home");
  mkdirSync(root, { mode: 0o700 });
  if (small) must("mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", root);
  const ballast = join(root, "ballast");
  return {
    home: openHome({ GLUE_HOME: root }),
    fill() {
      for (const size of [262_144, 4_096])
        try {
          for (;;) writeFileSync(ballast, "x".repeat(size), { flag: "a" });
        } catch {
          // Full, as wanted.
        }
    },
    free: () => rmSync(ballast, { force: true }),
    dispose() {
      if (small) must("umount", "--lazy", root);
    },
  };
}

function must(...argv: string[]): void {
  const child = Bun.spawnSync(argv);
  if (!child.success) throw new Error(`${argv.join(" ")}: ${child.stderr}`);
}
