import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gluePath, testNeeding, withTempDir } from "../support/needs.ts";
import { userEnvironment } from "./script.ts";

function run(command: readonly string[], cwd: string, env: Record<string, string>) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { cwd, env, stdin: "ignore", timeout: 60_000 });
  return { exit: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe("the binary", () => {
  testNeeding(["built-binary"], "runs no code and takes no setting from the folder where it is started", () =>
    withTempDir((folder) => {
      const traps: Record<string, string> = {
        "bunfig.toml": 'preload = ["./trap.ts"]\n[run]\nbun = true\n',
        "trap.ts": 'require("node:fs").writeFileSync("sprung", ""); process.exit(99);\n',
        ".env": "GLUE_RUNTIME=docker\nGLUE_HOME=/nonexistent\n",
        ".env.local": "GLUE_RUNTIME=docker\n",
        ".env.production": "GLUE_RUNTIME=docker\n",
        "package.json": '{"type":"commonjs","main":"trap.ts"}\n',
        "tsconfig.json": '{"compilerOptions":{"paths":{"*":["./trap.ts"]}}}\n',
        "config.yaml": "runtime: docker\n",
        "node_modules/citty/index.js": 'require("node:fs").writeFileSync("sprung", "");\n',
      };
      for (const [name, text] of Object.entries(traps)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), text);
      }
      const env = userEnvironment(join(folder, "home"), folder);
      for (const words of [
        ["version"],
        ["capabilities"],
        ["config", "show"],
        ["doctor", "-r", "host"],
        ["run", "--", "true"],
      ]) {
        const { exit, stderr } = run([gluePath(), ...words], folder, env);
        expect({ words, exit, stderr }).toEqual({ words, exit: 0, stderr: "" });
      }
      expect(run([gluePath(), "config", "show"], folder, env).stdout).toMatch(/^runtime +host +default$/m);
      expect(existsSync(join(folder, "sprung"))).toBe(false);
    }),
  );

  testNeeding(["built-binary", "root", "linux"], "says which home is read-only, or full, and what to do", () =>
    withTempDir((folder) => {
      const home = join(folder, "home");
      mkdirSync(home);
      const script = (options: string, before = ":") =>
        `mount -t tmpfs -o ${options} none '${home}' && ${before} && exec "${gluePath()}" run -- true`;
      const env = userEnvironment(home, folder);
      for (const [options, before, why] of [
        ["ro", ":", "read-only"],
        ["size=64k", `{ head -c 200000 /dev/zero > '${home}/fill' 2>/dev/null || :; }`, "full"],
      ] as const) {
        const { exit, stdout, stderr } = run(["unshare", "-m", "sh", "-c", script(options, before)], folder, env);
        expect({ exit, stdout }).toEqual({ exit: 125, stdout: "" });
        expect(stderr).toMatch(new RegExp(`^error: .*${home}.*${why}.*\\n  .*GLUE_HOME`));
      }
    }),
  );
});
