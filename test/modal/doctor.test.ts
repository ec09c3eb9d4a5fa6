/** What glue doctor says of modal: a row for each thing that can be missing, and the one step that mends it. */
import { expect } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tempDir } from "../support/temp-dir.ts";
import { type ModalDouble, type Sdk, testLongWithModal, testWithModal } from "./double.ts";
import { shareDouble, withEachSdk } from "./each-sdk.ts";
import { folder, glue, type Setting } from "./user.ts";

interface Said {
  readonly name: string;
  readonly status: string;
  readonly detail: string;
  readonly fix?: string;
}

/** A file with this text, whose path is given back. */
function file(path: string, text: string, mode = 0o644): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

/** A folder for PYTHONPATH with a package `modal` of its own. */
function packageOf(init: string): string {
  const folder = tempDir();
  file(join(folder, "modal/__init__.py"), init);
  file(join(folder, "modal/config.py"), "");
  return folder;
}

withEachSdk(doctor);

function doctor(sdk: Sdk): void {
  let double: ModalDouble;
  shareDouble(sdk, (made) => {
    double = made;
  });

  async function ask(at: Setting, env: Readonly<Record<string, string>> = {}, ...words: string[]) {
    const { out, code } = await glue(
      { ...at, env: { ...at.env, ...env } },
      "doctor",
      "--runtime",
      "modal",
      "--json",
      ...words,
    );
    const { runtimes } = JSON.parse(out) as { runtimes: { checks: Said[] }[] };
    const checks = runtimes[0]?.checks ?? [];
    return { code, find: (name: string) => checks.find((check) => check.name === `modal ${name}`) };
  }

  testWithModal(
    "with all there, every row is ok, nothing is made, and a modal.py here is not the package",
    async () => {
      const at = folder(double, sdk);
      writeFileSync(join(at.tree, "modal.py"), "raise SystemExit('shadowed')\n");
      const program = file(join(tempDir(), "modal"), "#!/bin/sh\n", 0o755);
      const { code, find } = await ask(at, { MODAL_CLI: program });
      expect(code).toBe(0);
      expect(find("options")?.status).toBe("ok");
      expect(find("program")).toMatchObject({ status: "ok", detail: program });
      expect(find("python")?.detail).toContain("(modal.python_path)");
      expect(find("package")?.detail).toBe(`modal ${sdk === "oldest" ? "1.4.3" : "1.6.4"}`);
      expect(find("access")).toMatchObject({ status: "ok", detail: "the service accepts the token" });
      const { calls, sandboxes } = await double.state();
      expect([calls.AppGetOrCreate, sandboxes]).toEqual([undefined, []]);
      // The program is for its first line: where it is lacking, sandboxes work all the same.
      const without = await ask(at, { MODAL_CLI: "/no/such/modal" });
      expect([without.code, without.find("program")]).toMatchObject([
        0,
        { status: "warn", fix: expect.stringContaining("pip install modal") },
      ]);
    },
  );

  testWithModal("each thing that is missing has a row of its own, with what mends it", async () => {
    const at = folder(double, sdk);
    const young = tempDir();
    // Before anything else of Python's runs.
    file(join(young, "sitecustomize.py"), "import sys\nsys.version_info = (3, 9, 18)\n");
    const broken = file(join(tempDir(), "python"), "#!/bin/sh\necho words of its own >&2\nexit 3\n", 0o755);
    const toml = file(join(tempDir(), "modal.toml"), "not toml\n");
    const noTags = "class Sandbox:\n  filesystem = 1\n  def create(app): pass\n";
    const noToken = { MODAL_TOKEN_ID: "", MODAL_TOKEN_SECRET: "" };
    const oauth = { ...noToken, MODAL_OAUTH_REFRESH_TOKEN: "r", MODAL_OAUTH_CLIENT_ID: "c" };
    const whole = { ...oauth, MODAL_OAUTH_CLIENT_SECRET: "s" };
    const rows: readonly [env: Record<string, string>, row: string, detail: string, fix: string][] = [
      [{ MODAL_PYTHON: "/no/such/python" }, "python", "/no/such/python cannot be started", "modal.python_path"],
      [{ MODAL_PYTHON: broken }, "python", "exit code 3: words of its own", "modal.python_path"],
      [{ PYTHONPATH: young }, "python", "Python 3.9 is too old", "Install Python 3.10 or later"],
      [{ PYTHONPATH: packageOf("raise ImportError('nothing here')") }, "package", "cannot import modal", "pip install"],
      [
        { PYTHONPATH: packageOf("__version__ = '1.2.0'\nclass Sandbox: pass\n") },
        "package",
        "modal 1.2.0 is too old; 1.4.3 is the oldest",
        "pip install --upgrade modal",
      ],
      [
        { PYTHONPATH: packageOf(`__version__ = '1.4.2'\n${noTags}`) },
        "package",
        "modal 1.4.2 is too old; 1.4.3 is the oldest",
        "pip install --upgrade modal",
      ],
      [{ MODAL_CONFIG_PATH: toml }, "access", toml, "modal token set"],
      [noToken, "access", "no token", "modal token set --token-id"],
      [{ MODAL_TOKEN_SECRET: "as-wrong" }, "access", "not accepted", "modal token set --token-id"],
      // The oldest knows nothing of these.
      [whole, "access", sdk === "oldest" ? "no token" : "not accepted", "modal token set --token-id"],
      [oauth, "access", sdk === "oldest" ? "no token" : "cannot be used", "modal token set --token-id"],
      [{ GLUE_MODAL_GPU: "T4:many" }, "options", "modal.gpu", "T4"],
    ];
    for (const [env, row, detail, fix] of rows) {
      const { code, find } = await ask(at, env);
      expect([env, code, find(row)]).toMatchObject([
        env,
        1,
        { status: "missing", detail: expect.stringContaining(detail), fix: expect.stringContaining(fix) },
      ]);
      if (row === "package" || row === "access") expect(find("python")?.status).toBe("ok");
    }
  });

  testLongWithModal("a service that is not there is not waited for for ever", async () => {
    const at = folder(double, sdk);
    const began = performance.now();
    const { code, find } = await ask(at, { MODAL_SERVER_URL: "http://127.0.0.1:9" });
    expect([code, find("python")?.status, find("package")?.status]).toEqual([1, "ok", "ok"]);
    expect(find("access")).toMatchObject({
      detail: expect.stringContaining("does not answer"),
      fix: expect.stringContaining("network"),
    });
    expect(performance.now() - began).toBeLessThan(20_000);
  });
}
