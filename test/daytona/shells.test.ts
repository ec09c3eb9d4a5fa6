/** The service hands what it is given to the first of zsh and bash that a sandbox has, and to sh else: to a user they are one. */
import { describe, expect } from "bun:test";
import { startDouble } from "../doubles/daytona/server.ts";
import { testUnless } from "../support/needs.ts";
import { run } from "../support/session-run.ts";
import { doubleProblem } from "./double.ts";
import { withSession } from "./support.ts";

for (const shell of ["zsh", "bash", "sh"]) {
  const problem = doubleProblem ?? (Bun.which(shell) ? undefined : `no ${shell} on PATH`);
  const title = "commands, inputs, files, terminals and what ends them are the same";
  describe(`where the sandbox's shell is ${shell}`, () => {
    testUnless(
      problem,
      title,
      async () => {
        const double = startDouble({ shell });
        try {
          await withSession(double, async (session) => {
            expect(await run(session, "echo out; echo err >&2; exit 7")).toMatchObject({
              ...{ exitCode: 7, outcome: "exited", out: "out\n", err: "err\n" },
            });
            const input = crypto.getRandomValues(new Uint8Array(300_000));
            const fed = await session.executor.run({ argv: ["sha256sum"] }, { stdin: new Blob([input]).stream() });
            const sum = new Bun.CryptoHasher("sha256").update(input).digest("hex");
            expect(await new Response(fed.stdout).text()).toBe(`${sum}  -\n`);
            const name = "a 'name' with $signs, *stars* and \\n";
            await session.workspace.write(name, input);
            expect(Buffer.compare(await session.workspace.read(name), input)).toBe(0);
            const pty = { columns: 101, rows: 33, term: "xterm" };
            expect((await run(session, "stty size; exit 3", { pty })).out).toBe("33 101\r\n");
            // Ended as root: the sandbox's user may not.
            const stubborn = await session.executor.run({ script: "echo up; sudo -n sleep 1007" }, { graceMs: 500 });
            await stubborn.stdout.getReader().read();
            await stubborn.kill();
            expect((await stubborn.wait()).outcome).toBe("cancelled");
            await session.executor.run({ script: "sudo -n sleep 1008" });
            await session.killAll();
            expect((await run(session, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")).out).not.toContain("sleep 100");
            // Enough of them for the process in the sandbox, with a pause in which it comes up.
            for (let count = 0; count < 6; count += 1) {
              expect(await run(session, { argv: ["echo", `${count} *`] })).toMatchObject({
                exitCode: 0,
                out: `${count} *\n`,
              });
              await Bun.sleep(150);
            }
          });
        } finally {
          await double.stop();
        }
      },
      120_000,
    );
  });
}
