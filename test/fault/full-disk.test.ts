import { describe, expect } from "bun:test";
import { readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Home, openHome } from "../../session/home.ts";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder } from "../../session/store.ts";
import { glue, startGlue, until } from "../support/glue.ts";
import { testNeeding } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";

/** A home on a small file system of its own, for the length of a test. */
async function withSmallDisk(use: (home: Home, disk: Disk) => Promise<void>, size = "256k"): Promise<void> {
  const mount = realpathSync(tempDir());
  run("mount", "-t", "tmpfs", "-o", `size=${size},mode=0700`, "tmpfs", mount);
  try {
    await use(openHome({ GLUE_HOME: mount }), {
      fill() {
        const ballast = join(mount, "ballast");
        try {
          for (;;) writeFileSync(ballast, "x".repeat(4096), { flag: "a" });
        } catch {
          // Full, as wanted.
        }
      },
      free: () => rmSync(join(mount, "ballast"), { force: true }),
      readOnly: () => run("mount", "-o", "remount,ro", mount),
    });
  } finally {
    run("umount", "--lazy", mount);
  }
}

interface Disk {
  fill(): void;
  free(): void;
  readOnly(): void;
}

function run(...argv: string[]): void {
  const child = Bun.spawnSync(argv);
  if (!child.success) throw new Error(`${argv.join(" ")}: ${child.stderr}`);
}

describe("a home without room", () => {
  testNeeding(["root", "linux"], "lets no session begin, runs nothing, and says what is wrong", () =>
    withSmallDisk(async (home, disk) => {
      const cwd = realpathSync(tempDir());
      disk.fill();
      const proof = join(cwd, "ran");
      const ran = await glue(home, ["run", "-r", "host", "--", "touch", proof], { cwd });
      expect(ran.code).toBe(125);
      expect(ran.stderr).toContain("the disk is full");
      expect(ran.stderr).toContain("GLUE_HOME");
      expect(readdirSync(cwd)).toEqual([]);
      disk.free();
      expect(await glue(home, ["run", "-r", "host", "--", "true"], { cwd })).toMatchObject({ code: 0 });
      const pruned = await glue(home, ["prune", "--json"], { cwd });
      expect([pruned.code, JSON.parse(pruned.stdout)]).toEqual([
        0,
        expect.objectContaining({ items: [], unasked: [] }),
      ]);
      expect(await glue(home, ["session", "list", "-q"], { cwd })).toEqual({ code: 0, stdout: "", stderr: "" });
    }),
  );

  testNeeding(["root", "linux"], "costs an open session nothing: with room again it goes on and can be closed", () =>
    withSmallDisk(async (home, disk) => {
      const cwd = realpathSync(tempDir());
      const id = (await glue(home, ["session", "start", "-q", "-r", "host"], { cwd })).stdout.trim();
      disk.fill();
      for (const args of [
        ["exec", "--", "true"],
        ["session", "list"],
      ])
        await glue(home, args, { cwd });
      disk.free();
      expect(await glue(home, ["exec", "--", "echo", "works"], { cwd })).toMatchObject({ code: 0, stdout: "works\n" });
      expect(await glue(home, ["session", "close", id], { cwd })).toMatchObject({ code: 0 });
    }),
  );

  testNeeding(
    ["root", "linux"],
    "fails a checkpoint and not the work: the one before it stands, and with room again all is saved",
    () =>
      withSmallDisk(async (home, disk) => {
        const cwd = realpathSync(tempDir());
        writeFileSync(join(cwd, "file"), "one\n");
        const copy = ["-r", "host", "--copy", "--set", "checkpoint_seconds=1"];
        const id = (await glue(home, ["session", "start", "-q", ...copy], { cwd })).stdout.trim();
        const folder = sessionFolder(home, id);
        const saved = () => readMeta(folder).checkpoint;
        const work = startGlue(home, ["exec", "-c", "echo two > file; sleep 300"], { cwd });
        await until("a checkpoint has it", () => saved()?.status === "captured");
        disk.fill();
        // Two checkpoints are due, and can be made only if they need no room.
        await Bun.sleep(2_500);
        const stands = saved();
        expect(stands?.status).toBe("captured");
        const recovered = await glue(home, ["session", "diff", id], { cwd });
        expect(recovered.stdout).toContain("+two");
        disk.free();
        const later = () => (saved()?.at ?? "") > (stands?.at ?? "");
        await until("checkpoints go on", later, 60_000);
        expect(await glue(home, ["session", "close", "-q", id], { cwd })).toMatchObject({ code: 0 });
        work.kill("SIGKILL");
        await work.exited;
        expect((await glue(home, ["session", "diff", id], { cwd })).stdout).toContain("+two");
      }, "4m"),
    120_000,
  );

  testNeeding(["root", "linux"], "that is read-only is refused as such, and can still be listed", () =>
    withSmallDisk(async (home, disk) => {
      const cwd = realpathSync(tempDir());
      const id = (await glue(home, ["session", "start", "-q", "-r", "host"], { cwd })).stdout.trim();
      disk.readOnly();
      const ran = await glue(home, ["run", "-r", "host", "--", "true"], { cwd });
      expect([ran.code, ran.stderr.includes("the file system is read-only")]).toEqual([125, true]);
      const listed = await glue(home, ["session", "list"], { cwd });
      expect([listed.code, listed.stdout.includes(id)]).toEqual([0, true]);
    }),
  );
});
