import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { loadSpec } from "../../scripts/generate/load.ts";
import { generate } from "../../scripts/generate/run.ts";
import { CAPABILITIES, RUNTIMES } from "../../spec/generated/capabilities.ts";
import { ERRORS } from "../../spec/generated/errors.ts";
import { EVIDENCE } from "../../spec/generated/evidence.ts";
import { OPTION_ROWS } from "../../spec/generated/options.ts";
import { evidenceProblems } from "../../spec/schema/evidence.ts";

const ROOT = join(import.meta.dir, "../..");

test("every generated file is what its source says today", () => {
  const lines: string[] = [];
  generate(ROOT, true, (line) => lines.push(line));
  expect(lines.filter((line) => line.startsWith("stale"))).toEqual([]);
});

describe("the runtimes", () => {
  const told = [
    ["host", "Runs in your shell on your machine.", undefined],
    ["docker", "Ephemeral container; workspace mounted in.", undefined],
    ["daytona", "REST API; workspace bootstrapped via git clone into /workspace.", 200],
    ["sprites", "Persistent Fly.io sprite via `sprite` CLI; auto-sleeps when idle.", 3],
    ["modal", "Modal sandbox via embedded Python sidecar; capped by sandbox_timeout_seconds.", 30],
  ] as const;

  test("are those of the ladder, in its order, with their notes and caps", () => {
    expect(RUNTIMES.map(({ id, note, limits }) => [id, note, limits.bundleCapMb])).toEqual(told.map((row) => [...row]));
  });

  test("say something of each of the twelve capabilities", () => {
    expect(CAPABILITIES).toHaveLength(12);
    for (const runtime of RUNTIMES) expect(Object.keys(runtime.capabilities)).toEqual([...CAPABILITIES]);
  });

  test("that are not in yet claim nothing", () => {
    for (const { status, capabilities } of RUNTIMES.filter((runtime) => runtime.status === "planned")) {
      for (const value of Object.values(capabilities))
        expect([status, ["planned", "no"].includes(value)]).toEqual([status, true]);
    }
  });
});

test("every yes and partial of the matrix has its evidence", () => {
  const spec = loadSpec(ROOT);
  // Until the contract suite has written the file there is nothing to hold the matrix against, and `--check` says so.
  if (spec.evidence === undefined) expect(EVIDENCE).toEqual({});
  else expect(evidenceProblems(spec.capabilities, spec.evidence)).toEqual([]);
});

test("every option has a variable of its own that follows from its key, or one that is named", () => {
  const special: Record<string, readonly string[]> = {
    "shell.executable": ["GLUE_SHELL", "SHELL"],
    "daytona.api_key": ["DAYTONA_API_KEY"],
    "daytona.api_base_url": ["DAYTONA_API_BASE_URL", "DAYTONA_API_URL"],
    "daytona.toolbox_base_url": ["DAYTONA_TOOLBOX_BASE_URL"],
    "daytona.snapshot": ["DAYTONA_SNAPSHOT"],
    "daytona.target": ["DAYTONA_TARGET"],
    "daytona.delete_on_close": ["DAYTONA_DELETE_ON_CLOSE"],
    "sprites.sprite_cli": ["SPRITES_CLI"],
    "sprites.sprite_name": ["SPRITES_NAME"],
    "sprites.delete_on_close": ["SPRITES_DELETE_ON_CLOSE"],
    "sprites.org": ["SPRITES_ORG"],
    "modal.python_path": ["MODAL_PYTHON"],
    "modal.modal_cli": ["MODAL_CLI"],
    "modal.app_name": ["MODAL_APP"],
    "modal.image": ["MODAL_IMAGE"],
    "modal.sandbox_timeout_seconds": ["MODAL_SANDBOX_TIMEOUT"],
    "modal.environment": ["MODAL_ENVIRONMENT"],
    "modal.delete_on_close": ["MODAL_DELETE_ON_CLOSE"],
  };
  for (const row of OPTION_ROWS) {
    expect([row.key, row.env]).toEqual([
      row.key,
      special[row.key] ?? [`GLUE_${row.key.toUpperCase().replaceAll(".", "_")}`],
    ]);
  }
});

test("every error has an exit status that its kind allows, and words for people", () => {
  for (const [code, row] of Object.entries(ERRORS)) {
    expect([code, [1, 2, 124, 125, 130, 141].includes(row.exit)]).toEqual([code, true]);
    for (const text of [row.what, row.why, row.todo]) expect([code, text.endsWith(".")]).toEqual([code, true]);
  }
});
