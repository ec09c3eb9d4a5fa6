import { expect } from "bun:test";
import type { Bench } from "../bench.ts";

export function everyStatus(bench: Bench): void {
  bench.shows(
    "command_capture",
    "every exit status from 0 to 255 is the command's own",
    async ({ run }) => {
      const seen: number[] = [];
      const codes = [...Array(256).keys()];
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          for (let code = codes.pop(); code !== undefined; code = codes.pop()) {
            const ended = await run({ argv: ["sh", "-c", `exit ${code}`] });
            // Where a shell has to tell, it cannot say these from a death by INT or PIPE.
            if (code !== 130 && code !== 141) expect([code, ended.outcome]).toEqual([code, "exited"]);
            seen[code] = ended.exitCode;
          }
        }),
      );
      expect(seen).toEqual([...Array(256).keys()]);
    },
    300_000,
  );
}
