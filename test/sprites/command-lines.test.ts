/** What glue puts into command lines of the sprite CLI, as the CLI gets them over a whole session. */
import { expect } from "bun:test";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "../support/temp-dir.ts";
import { testWithDouble } from "./double.ts";
import { newestSession, type Setting, setUp } from "./glue.ts";

/** A CLI that writes down what it was called with, and is the double's. */
async function recording({ double }: Setting): Promise<{ cli: string; calls(): string[][] }> {
  const folder = tempDir();
  const [cli, log] = [join(folder, "sprite"), join(folder, "calls")];
  // One write a call, since calls run beside each other.
  await Bun.write(
    cli,
    `#!/bin/sh\n{ printf '%s\\0' "$@"; printf '\\036\\0'; } | dd bs=1M iflag=fullblock 2>/dev/null >>'${log}'\nexec '${double.cli}' "$@"\n`,
  );
  chmodSync(cli, 0o755);
  return {
    cli,
    calls: () =>
      readFileSync(log, "utf8")
        .split("\x1e\0")
        .filter((call) => call !== "")
        .map((call) => call.split("\0").slice(0, -1)),
  };
}

testWithDouble(
  "every call has the flags that it needs, names the sprite and the organization, and bears nothing long or secret",
  async () => {
    const setting = await setUp();
    try {
      const { glue, repo } = setting;
      const { cli, calls } = await recording(setting);
      const env = { SPRITES_CLI: cli, SPRITES_ORG: "my-org", MY_SECRET: "s3cret-".repeat(10_000) };
      await Bun.write(join(repo, "s3cret-file"), "s3cret-content");
      const script = `: ${"long ".repeat(20_000)}; echo "\${#MY_SECRET}"; printf typed-s3cret | wc -c; echo x >>a.txt`;
      const ran = await glue(["run", "-r", "sprites", "-e", "MY_SECRET", "-c", script], env);
      expect([ran.code, ran.stdout]).toEqual([0, "70000\n12\n"]);
      const id = await newestSession(setting);
      const all = calls();
      const ways = new Set<string>();
      for (const words of all) {
        expect(words.slice(0, 2)).toEqual(["-o", "my-org"]);
        const end = words.indexOf("--");
        const [before, command] = [end < 0 ? words : words.slice(0, end), end < 0 ? [] : words.slice(end + 1)];
        const verb = before.find((word, at) => at >= 2 && !word.startsWith("-") && before[at - 1] !== "-s") ?? "";
        ways.add(verb);
        if (verb === "exec") {
          expect(before).toEqual(["-o", "my-org", "-s", `glue-${id}`, "exec", "--no-port-forward"]);
          expect(command.length).toBeGreaterThan(0);
        }
        if (verb === "create") expect(before.slice(2)).toEqual(["create", "--skip-console", `glue-${id}`]);
        if (verb === "destroy") expect(before).toContain("--force");
        expect(words.join(" ").length).toBeLessThan(24_000);
        expect(words.join(" ")).not.toContain("s3cret");
      }
      expect([...ways].sort()).toEqual(["api", "create", "destroy", "exec"]);
      const records = await Array.fromAsync(new Bun.Glob(`sessions/${id}/*.json*`).scan(setting.home), (file) =>
        Bun.file(join(setting.home, file)).text(),
      );
      expect(records.length).toBeGreaterThan(1);
      expect(records.join("")).not.toContain("s3cret-s3cret");
    } finally {
      await setting.stop();
    }
  },
  120_000,
);
