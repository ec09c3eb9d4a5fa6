import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { readConfig, validateConfig } from "../../spec/config-read.ts";
import { tempDir, testNeeding } from "../support/needs.ts";
import { configFile, glueErrorOf } from "./support.ts";

describe("a file that cannot be read", () => {
  test("that is not there is fine", async () => {
    expect(await readConfig(join(tempDir(), "config.yaml"))).toBeUndefined();
    expect(await validateConfig(join(tempDir(), "config.yaml"))).toEqual({ exists: false, problems: [], warnings: [] });
  });

  test("that is a folder is refused", async () => {
    const path = join(tempDir(), "config.yaml");
    mkdirSync(path);
    const error = await glueErrorOf(() => readConfig(path));
    expect(error).toMatchObject({ code: "configUnreadable", message: `${path} is not a regular file.` });
  });

  test("that is a pipe is refused instead of waited for", async () => {
    const path = join(tempDir(), "config.yaml");
    expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
    expect((await glueErrorOf(() => readConfig(path))).code).toBe("configUnreadable");
  });

  test("whose folder is a file is refused", async () => {
    const path = join(configFile("x"), "config.yaml");
    const error = await glueErrorOf(() => readConfig(path));
    expect(error.message).toBe(`${path} cannot be read: a part of the path is not a folder.`);
  });

  test("that is far too large is refused", async () => {
    const path = configFile(`# ${"x".repeat(1_000_001)}\n`);
    expect((await glueErrorOf(() => readConfig(path))).code).toBe("configUnreadable");
  });

  test("that is not UTF-8 is not valid", async () => {
    const path = configFile("");
    writeFileSync(path, Uint8Array.of(0x61, 0x3a, 0x20, 0xff, 0x0a));
    const error = await glueErrorOf(() => readConfig(path));
    expect(error).toMatchObject({ code: "configInvalid", message: `${path} is not UTF-8 text.` });
  });

  testNeeding(["root", "linux"], "that the user may not read is refused, and says so", async () => {
    // root may read everything, so another user has to try.
    const folder = tempDir();
    const path = join(folder, "config.yaml");
    writeFileSync(path, "runtime: host\n", { mode: 0o600 });
    for (let at = folder; at !== "/tmp" && at !== "/"; at = dirname(at)) chmodSync(at, 0o755);
    const module = join(import.meta.dir, "../../spec/config-read.ts");
    const text = await Bun.build({ entrypoints: [module], target: "bun" }).then((built) => built.outputs[0]?.text());
    const program = join(folder, "read.ts");
    writeFileSync(
      program,
      `${text}\ntry { await readConfig(${JSON.stringify(path)}) } catch (e) { console.log(e.code, e.message) }\n`,
    );
    chmodSync(program, 0o644);
    const source = `process.setgid(65534); process.setuid(65534); await import(${JSON.stringify(program)})`;
    const child = Bun.spawnSync([process.execPath, "-e", source], { cwd: "/" });
    expect(child.stdout.toString()).toBe(`configUnreadable ${path} cannot be read: permission denied.\n`);
  });
});

test("a mistake is an error with file, line and column", async () => {
  const path = configFile("runtime: host\ndocker:\n  imge: x\n  cpus: y\n");
  const error = await glueErrorOf(() => readConfig(path));
  expect(error.code).toBe("configInvalid");
  expect(error.message).toBe(
    `${path}:3:3: unknown key "docker.imge"; did you mean "docker.image"?\n${path}:4:9: docker.cpus: expected a number of at least 0.01, found "y"`,
  );
  expect((await validateConfig(path)).problems.map(({ line, column }) => [line, column])).toEqual([
    [3, 3],
    [4, 9],
  ]);
});

test("a hundred mistakes are not all shown", async () => {
  const path = configFile(Array.from({ length: 100 }, (_, n) => `key${n}: 1`).join("\n"));
  const lines = (await glueErrorOf(() => readConfig(path))).message.split("\n");
  expect(lines).toHaveLength(11);
  expect(lines.at(-1)).toBe("and 90 more");
});

describe("a secret in the file", () => {
  const cases = [
    { mode: 0o600, text: "daytona: {api_key: dtn_1}", warned: false },
    { mode: 0o640, text: "daytona: {api_key: dtn_1}", warned: true },
    { mode: 0o604, text: "daytona: {api_key: dtn_1}", warned: true },
    { mode: 0o644, text: "daytona: {api_key: env:KEY}", warned: false },
    { mode: 0o644, text: "runtime: host", warned: false },
  ];
  for (const { mode, text, warned } of cases) {
    test(`0${mode.toString(8)} with "${text}" is ${warned ? "warned about" : "fine"}`, async () => {
      const path = configFile(text);
      chmodSync(path, mode);
      for (const read of [readConfig, validateConfig]) {
        const warnings = (await read(path))?.warnings;
        expect(warnings).toHaveLength(warned ? 1 : 0);
        if (warned) expect(warnings?.[0]).toContain(`chmod 600 ${path}`);
      }
    });
  }
});

describe("the cache of the parsed file", () => {
  /** A configuration beside a cache folder, last changed an hour ago. */
  function settled(text: string): { path: string; cache: string } {
    const path = configFile(text);
    const cache = join(dirname(path), "cache");
    mkdirSync(cache);
    const past = new Date(Date.now() - 3_600_000);
    utimesSync(path, past, past);
    return { path, cache };
  }
  const only = (cache: string) => join(cache, readdirSync(cache)[0] ?? "");

  test("gives what parsing gave", async () => {
    const { path, cache } = settled("runtime: docker\ndocker:\n  mounts: [/a, env:B]\n  cpus: env:N\n");
    const first = await readConfig(path);
    expect(readdirSync(cache)).toHaveLength(1);
    const again = await readConfig(path);
    expect(again).toEqual(first);
    expect(again?.entries).toHaveLength(3);
  });

  test("is what is read the second time", async () => {
    const { path, cache } = settled("docker:\n  image: first\n");
    await readConfig(path);
    const file = only(cache);
    writeFileSync(file, readFileSync(file, "utf8").replace('"first"', '"cached"'));
    expect((await readConfig(path))?.entries[0]?.value).toBe("cached");
  });

  const edits: [string, (path: string) => void][] = [
    ["other text of the same length", (path) => writeFileSync(path, "docker:\n  image: newer\n")],
    ["longer text", (path) => writeFileSync(path, "docker:\n  image: much newer\n")],
    [
      "the same size and time",
      (path) => {
        const past = new Date(Date.now() - 3_600_000);
        writeFileSync(path, "docker:\n  image: newer\n");
        utimesSync(path, past, past);
      },
    ],
    [
      "a link to another file",
      (path) => {
        const other = configFile("docker:\n  image: newer\n");
        Bun.spawnSync(["rm", path]);
        symlinkSync(other, path);
      },
    ],
  ];
  for (const [name, edit] of edits) {
    test(`does not outlive the file: ${name}`, async () => {
      const { path } = settled("docker:\n  image: first\n");
      await readConfig(path);
      edit(path);
      expect(String((await readConfig(path))?.entries[0]?.value)).toContain("newer");
    });
  }

  const damages: [string, string | ((text: string) => string)][] = [
    ["empty", ""],
    ["torn", (text) => text.slice(0, -10)],
    ["another shape", "[]"],
    ["an unknown option", (text) => text.replace("docker.image", "docker.imoge")],
    ["a value of another type", (text) => text.replace('"first"', "7")],
    ["a secret, which is never cached", (text) => text.replace("docker.image", "daytona.api_key")],
  ];
  for (const [name, damage] of damages) {
    test(`is passed over when it is damaged: ${name}`, async () => {
      const { path, cache } = settled("docker:\n  image: first\n");
      const expected = await readConfig(path);
      const file = only(cache);
      writeFileSync(file, typeof damage === "string" ? damage : damage(readFileSync(file, "utf8")));
      expect(await readConfig(path)).toEqual(expected);
    });
  }

  test("never holds a secret, nor anything of a file that has one", async () => {
    const { path, cache } = settled("daytona:\n  api_key: dtn_secret\n");
    expect((await readConfig(path))?.holdsSecret).toBe(true);
    expect(readdirSync(cache)).toEqual([]);
  });

  test("is not written for a file that may still be changing", async () => {
    const { path, cache } = settled("runtime: host\n");
    utimesSync(path, new Date(), new Date());
    await readConfig(path);
    expect(readdirSync(cache)).toEqual([]);
  });

  test("is not written for a file with a mistake", async () => {
    const { path, cache } = settled("runtme: host\n");
    for (let i = 0; i < 2; i++) expect((await glueErrorOf(() => readConfig(path))).code).toBe("configInvalid");
    expect(readdirSync(cache)).toEqual([]);
  });

  test("is private, and makes no folder of its own", async () => {
    const { path, cache } = settled("runtime: host\n");
    await readConfig(path);
    expect(Bun.file(only(cache)).size).toBeGreaterThan(0);
    const mode = Bun.spawnSync(["sh", "-c", `ls -l ${only(cache)}`])
      .stdout.toString()
      .slice(0, 10);
    expect(mode).toBe("-rw-------");
    const alone = configFile("runtime: host\n");
    const past = new Date(Date.now() - 3_600_000);
    utimesSync(alone, past, past);
    await readConfig(alone);
    expect(existsSync(join(dirname(alone), "cache"))).toBe(false);
  });
});
