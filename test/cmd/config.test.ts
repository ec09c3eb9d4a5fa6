import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command as init } from "../../cmd/config-init.ts";
import { command as path } from "../../cmd/config-path.ts";
import { command as schema } from "../../cmd/config-schema.ts";
import { command as show } from "../../cmd/config-show.ts";
import { command as validate } from "../../cmd/config-validate.ts";
import { expectSchema } from "../support/json-schema.ts";
import { tempDir } from "../support/temp-dir.ts";
import { testIo } from "./memory-terminal.ts";

function home(config?: string, mode = 0o600) {
  const root = join(tempDir(), "home");
  const file = join(root, "config.yaml");
  if (config !== undefined) {
    mkdirSync(root);
    writeFileSync(file, config, { mode });
    chmodSync(file, mode);
  }
  return { file, env: { GLUE_HOME: root } };
}
const nothing = { tail: [], json: false } as const;
const noFlags = { ...nothing, runtime: undefined, set: [] } as const;

describe("config init", () => {
  test("writes a file that is valid, private, and changes nothing", async () => {
    const { file, env } = home();
    const io = testIo({ env });
    expect(await init.run({ ...nothing, print: false }, io)).toBe(0);
    expect(io.terminal.text(1)).toBe(`${file}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(file, "..")).mode & 0o777).toBe(0o700);
    const shown = testIo({ env, json: true });
    await show.run(noFlags, shown);
    const { options } = JSON.parse(shown.terminal.text(1)) as { options: { source: string }[] };
    expect(new Set(options.map(({ source }) => source))).toEqual(new Set(["default"]));
  });

  test("never overwrites a file", async () => {
    const { file, env } = home("runtime: docker\n");
    const attempt = init.run({ ...nothing, print: false }, testIo({ env }));
    expect(attempt).rejects.toMatchObject({ code: "fileExists", message: `${file} exists already.` });
    await attempt.catch(() => undefined);
    expect(readFileSync(file, "utf8")).toBe("runtime: docker\n");
  });

  test("prints the same without writing it", async () => {
    const io = testIo({ env: { GLUE_HOME: "/nonexistent/home" } });
    expect(await init.run({ ...nothing, print: true }, io)).toBe(0);
    expect(io.terminal.text(1)).toContain("# runtime: host");
  });

  test("says what is wrong with a home that cannot be made", async () => {
    const file = join(tempDir(), "file");
    writeFileSync(file, "");
    expect(
      init.run({ ...nothing, print: false }, testIo({ env: { GLUE_HOME: join(file, "home") } })),
    ).rejects.toMatchObject({
      code: "homeUnusable",
    });
  });
});

describe("config show", () => {
  test("names where each value came from", async () => {
    const { file, env } = home("docker:\n  image: debian:12\n");
    const io = testIo({ env: { ...env, GLUE_RUNTIME: "docker" } });
    await show.run({ ...noFlags, set: ["docker.shell=bash"] }, io);
    const line = (key: string) =>
      io.terminal
        .text(1)
        .split("\n")
        .find((text) => text.startsWith(key));
    expect(line("runtime")).toMatch(/docker +env GLUE_RUNTIME$/);
    expect(line("docker.image")).toMatch(new RegExp(`debian:12 +${file}:2:10$`));
    expect(line("docker.shell")).toMatch(/bash +.*--set docker\.shell$/);
    expect(line("docker.cpus")).toMatch(/\(no limit\) +default$/);
  });

  test("never shows a secret, wherever it came from", async () => {
    const { env } = home("daytona:\n  api_key: key-in-file\n");
    for (const json of [false, true]) {
      const io = testIo({ env: { ...env, DAYTONA_API_KEY: json ? "key-in-env" : undefined }, json });
      await show.run(noFlags, io);
      expect(io.terminal.text(1)).toContain("********");
      expect(io.terminal.text(1) + io.terminal.text(2)).not.toContain("key-in");
    }
  });

  test("warns of a secret that others can read", async () => {
    const { file, env } = home("daytona:\n  api_key: key-in-file\n", 0o644);
    const io = testIo({ env });
    await show.run(noFlags, io);
    expect(io.terminal.text(2)).toContain(`warning: ${file} holds a secret`);
  });
});

describe("config validate", () => {
  test.each([
    ["runtime: docker\n", 0, "is valid."],
    [undefined, 0, "the defaults apply."],
  ])("%p gives %d", async (config, status, text) => {
    const { env } = home(config);
    const io = testIo({ env });
    expect(await validate.run({ ...nothing, file: undefined }, io)).toBe(status);
    expect(io.terminal.text(1)).toContain(text);
  });

  test.each([
    ["broken YAML", "docker: [1,\n", ":2:1: "],
    ["a duplicate key", "runtime: host\nruntime: docker\n", ":2:1: "],
    ["a wrong type", "docker:\n  cpus: many\n", ':2:9: docker.cpus: expected a number of at least 0.01, found "many"'],
    ["an unknown key", "docker:\n  imag: x\n", ':2:3: unknown key "docker.imag"; did you mean "docker.image"?'],
    ["an empty secret", "daytona:\n  api_key: ''\n", ":2:12: daytona.api_key: "],
  ])("names the place of %s", async (_what, config, place) => {
    const { file, env } = home(config);
    const io = testIo({ env });
    expect(await validate.run({ ...nothing, file: undefined }, io)).toBe(2);
    expect(io.terminal.text(1)).toBe("");
    expect(io.terminal.text(2)).toContain(file + place);
  });

  test("refuses a file that is not there when it is named", () => {
    expect(validate.run({ ...nothing, file: "nope.yaml" }, testIo())).rejects.toMatchObject({
      code: "configUnreadable",
    });
  });
});

test("every shape is as its schema says", async () => {
  const { env } = home("runtime: docker\ndocker:\n  cpus: many\n");
  const json = async (run: (io: ReturnType<typeof testIo>) => Promise<number>, at = env) => {
    const io = testIo({ env: at, json: true });
    await run(io);
    return JSON.parse(io.terminal.text(1)) as unknown;
  };
  const fresh = home().env;
  expectSchema(await json((io) => init.run({ ...nothing, print: false }, io), fresh), "config-init");
  expectSchema(await json((io) => path.run(nothing, io)), "config-path");
  expectSchema(await json((io) => show.run(noFlags, io), fresh), "config-show");
  expectSchema(await json((io) => validate.run({ ...nothing, file: undefined }, io)), "config-validate");
  expect(await json((io) => schema.run(nothing, io))).toMatchObject({ title: "The configuration of glue" });
});
