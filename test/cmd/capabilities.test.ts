import { expect, test } from "bun:test";
import { command } from "../../cmd/capabilities.ts";
import { command as version } from "../../cmd/version.ts";
import { CAPABILITIES, RUNTIME_IDS } from "../../spec/generated/capabilities.ts";
import { expectSchema } from "../support/json-schema.ts";
import { testIo } from "./memory-terminal.ts";

const all = { tail: [], json: false, runtime: undefined } as const;

test.each([40, 60, 80, 200])("the matrix fits a terminal of %d columns and leaves nothing out", async (columns) => {
  const io = testIo({ tty: [1], columns, env: { NO_COLOR: "1" } });
  expect(await command.run(all, io)).toBe(0);
  const text = io.terminal.text(1);
  for (const name of [...CAPABILITIES, ...RUNTIME_IDS]) expect(text).toContain(name);
  for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
});

test("one runtime is described with what each capability means", async () => {
  const io = testIo();
  await command.run({ ...all, runtime: "docker" }, io);
  expect(io.terminal.text(1)).toMatch(/^docker \(/);
  expect(io.terminal.text(1)).toMatch(/^filesystem_read +\S+ +read files$/m);
});

test.each([undefined, "docker"] as const)("the JSON is as its schema says (runtime: %p)", async (runtime) => {
  const io = testIo({ json: true });
  await command.run({ ...all, runtime }, io);
  const report = JSON.parse(io.terminal.text(1)) as { runtimes: unknown[] };
  expectSchema(report, "capabilities");
  expect(report.runtimes).toHaveLength(runtime === undefined ? RUNTIME_IDS.length : 1);
});

test("the version says what this binary is", async () => {
  const io = testIo({ json: true });
  await version.run({ tail: [], json: true }, io);
  expectSchema(JSON.parse(io.terminal.text(1)), "version");
  const text = testIo();
  await version.run({ tail: [], json: false }, text);
  expect(text.terminal.text(1)).toMatch(/^glue \d+\.\d+\.\d+ \(.+, .+\)\n$/);
});
