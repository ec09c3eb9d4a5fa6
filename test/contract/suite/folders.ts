import { expect } from "bun:test";
import type { Bench } from "../bench.ts";

/** Where commands start. */
export function folders(bench: Bench): void {
  bench.shows(
    "command_capture",
    "a command starts in the workspace, or in the folder given: absolute, relative, with spaces",
    async ({ run, session }) => {
      const { workspace } = session.paths;
      await session.workspace.makeDirectory("a folder/with 'quotes'");
      const pwd = async (cwd?: string) => (await run({ argv: ["pwd"] }, cwd === undefined ? {} : { cwd })).out;
      expect(await pwd()).toBe(`${workspace}\n`);
      expect(await pwd("a folder")).toBe(`${workspace}/a folder\n`);
      expect(await pwd("a folder/with 'quotes'")).toBe(`${workspace}/a folder/with 'quotes'\n`);
      expect(await pwd("/")).toBe("/\n");
      const timed = await run({ argv: ["pwd"] }, { cwd: "a folder", timeoutMs: 30_000 });
      expect(timed.out).toBe(`${workspace}/a folder\n`);
    },
  );

  bench.shows(
    "command_capture",
    "a folder that is missing, or none, is an error of its own and nothing runs",
    async ({ start, session }) => {
      await session.workspace.write("a-file", new Uint8Array());
      for (const cwd of ["gone", "/no/such/folder", "a-file"]) {
        await expect(start({ argv: ["sh", "-c", "echo ran >evidence"] }, { cwd })).rejects.toMatchObject({
          code: "cwdInvalid",
        });
      }
      expect(await session.workspace.stat("evidence")).toBeUndefined();
    },
  );
}
