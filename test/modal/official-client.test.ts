import { expect } from "bun:test";
import { join } from "node:path";
import { ModalDouble, pythonOf, SDKS, testWithModal } from "./double.ts";

for (const sdk of SDKS) {
  testWithModal(`the official client works against the double (${sdk})`, async () => {
    const double = await ModalDouble.start(sdk);
    try {
      const client = join(import.meta.dir, "..", "doubles", "modal", "official_client.py");
      const { PATH = "" } = process.env;
      const run = Bun.spawn([pythonOf(sdk), "-B", client], {
        cwd: "/",
        env: { PATH, ...double.env(sdk) },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      const [out, err] = await Promise.all([run.stdout.text(), run.stderr.text()]);
      expect({ code: await run.exited, lines: out.trim().split("\n").length, err }).toEqual({
        code: 0,
        lines: 14,
        err: expect.any(String),
      });
      const { calls } = await double.state();
      expect(Object.keys(calls)).toContain(sdk === "newest" ? "SandboxCreateV2" : "SandboxCreate");
    } finally {
      await double.stop();
    }
  });
}
