import { describe, expect, test } from "bun:test";
import { defaultOptions } from "../../spec/defaults.ts";
import { OPTION_ROWS, type OptionKey, type OptionValue } from "../../spec/generated/options.ts";
import { describeSource } from "../../spec/resolve.ts";
import { glueErrorOf, resolveWith } from "./support.ts";

test("without flag, environment and file every option has its default", async () => {
  const { options, sources, warnings } = await resolveWith({});
  expect(options).toEqual(defaultOptions());
  for (const row of OPTION_ROWS) expect(sources[row.key]).toEqual({ kind: "default" });
  expect(warnings).toEqual([]);
});

describe("a flag wins over the environment, that over the file, that over the default", () => {
  const file = "docker:\n  image: from-file\n";
  const env = { GLUE_DOCKER_IMAGE: "from-env" };
  const flags = { "docker.image": "from-flag" };
  const cases = [
    { given: {}, value: "ubuntu:24.04", source: "default" },
    { given: { file }, value: "from-file", source: "config.yaml:2:10" },
    { given: { file, env }, value: "from-env", source: "env GLUE_DOCKER_IMAGE" },
    { given: { file, env, flags }, value: "from-flag", source: "flag --set docker.image" },
    { given: { env, flags }, value: "from-flag", source: "flag --set docker.image" },
    { given: { file, flags }, value: "from-flag", source: "flag --set docker.image" },
  ];
  for (const { given, value, source } of cases) {
    test(`${Object.keys(given).join(" and ") || "nothing"} gives ${value}`, async () => {
      const { options, sources } = await resolveWith(given);
      expect(options["docker.image"]).toBe(value);
      expect(describeSource(sources["docker.image"])).toEndWith(source);
    });
  }
});

test("the first variable of a row that is set wins, and an empty one is not set", async () => {
  const shell = async (env: Record<string, string>) => (await resolveWith({ env })).options["shell.executable"];
  expect(await shell({ GLUE_SHELL: "/bin/dash", SHELL: "/bin/zsh" })).toBe("/bin/dash");
  expect(await shell({ GLUE_SHELL: "", SHELL: "/bin/zsh" })).toBe("/bin/zsh");
  expect(await shell({ SHELL: "" })).toBe("sh");
});

test("every option can be set by its variable, by --set and by the file alike", async () => {
  for (const row of OPTION_ROWS) {
    const { text, value } = example(row.key);
    const chosen = row.group === "common" ? {} : { GLUE_RUNTIME: row.group };
    const viaEnv = await resolveWith({ env: { ...chosen, [row.env[0] ?? ""]: text }, demand: "none" });
    expect([row.key, viaEnv.options[row.key]]).toEqual([row.key, value]);
    const flag = row.secret ? "env:SECRET" : text;
    const viaFlag = await resolveWith({ flags: { [row.key]: flag }, env: { ...chosen, SECRET: text }, demand: "none" });
    expect([row.key, viaFlag.options[row.key]]).toEqual([row.key, value]);
    const [section, name] = row.key.split(".");
    const yaml = JSON.stringify(name === undefined ? { [row.key]: value } : { [section ?? ""]: { [name]: value } });
    const viaFile = await resolveWith({
      file: yaml,
      env: chosen.GLUE_RUNTIME && row.key !== "runtime" ? chosen : {},
      demand: "none",
    });
    expect([row.key, viaFile.options[row.key]]).toEqual([row.key, value]);
  }
});

/** A text that is not the default, and the value it stands for. */
function example(key: OptionKey): { text: string; value: OptionValue } {
  const row = OPTION_ROWS.find((candidate) => candidate.key === key);
  switch (row?.type) {
    case "boolean":
      return { text: String(row.default !== true), value: row.default !== true };
    case "integer":
    case "number":
      return { text: "7", value: 7 };
    case "enum":
    case "runtime": {
      const other = row.values?.find((value) => value !== row.default) ?? "";
      return { text: other, value: other };
    }
    case "list":
      return { text: ["/a b", "/c:/d:ro"].join(row.separator), value: ["/a b", "/c:/d:ro"] };
    default:
      return row?.patternMeans?.includes("address")
        ? { text: "http://127.0.0.1:1/x", value: "http://127.0.0.1:1/x" }
        : { text: "2g", value: "2g" };
  }
}

describe("texts are read by the type of their row", () => {
  const good: [OptionKey, string, OptionValue][] = [
    ["docker.enabled", "TRUE", true],
    ["docker.enabled", "1", true],
    ["docker.enabled", "no", false],
    ["docker.cpus", "0.5", 0.5],
    ["docker.cpus", ".5", 0.5],
    ["kill_grace_seconds", "0", 0],
    ["docker.mounts", "/a;;/b;", ["/a", "/b"]],
    ["docker.mounts", "", []],
    ["docker.network", "none", "none"],
    ["docker.memory", "1.5g", "1.5g"],
  ];
  for (const [key, text, value] of good) {
    test(`${key}=${text} is ${JSON.stringify(value)}`, async () => {
      expect((await resolveWith({ flags: { [key]: text } })).options[key]).toEqual(value);
    });
  }

  const bad: [OptionKey, string, string][] = [
    ["docker.enabled", "maybe", `--set: docker.enabled: expected true or false, found "maybe".`],
    ["docker.cpus", "two", `--set: docker.cpus: expected a number of at least 0.01, found "two".`],
    ["docker.cpus", "0", `--set: docker.cpus: expected a number of at least 0.01, found "0".`],
    ["docker.cpus", "1e999", `--set: docker.cpus: expected a number of at least 0.01, found "1e999".`],
    ["docker.cpus", "0x10", `--set: docker.cpus: expected a number of at least 0.01, found "0x10".`],
    ["capture_cap_mb", "1.5", `--set: capture_cap_mb: expected a whole number of at least 1, found "1.5".`],
    ["kill_grace_seconds", "-1", `--set: kill_grace_seconds: expected a number from 0 to 3600, found "-1".`],
    ["docker.image", "", "--set: docker.image: expected a text that is not empty, found an empty text."],
    ["docker.memory", "lots", `--set: docker.memory: expected a size such as 512m or 2g, found "lots".`],
    ["docker.workspace", "mnt", `--set: docker.workspace: expected one of mount, copy, found "mnt".`],
    [
      "docker.workspace",
      "cpoy",
      `--set: docker.workspace: expected one of mount, copy, found "cpoy"; did you mean "copy"?`,
    ],
    [
      "runtime",
      "dokcer",
      `--runtime: runtime: expected one of host, docker, daytona, sprites, modal, found "dokcer"; did you mean "docker"?`,
    ],
  ];
  for (const [key, text, message] of bad) {
    test(`${key}=${text} is refused`, async () => {
      const error = await glueErrorOf(() => resolveWith({ flags: { [key]: text } }));
      expect(error.code).toBe("optionInvalid");
      expect(error.message).toBe(message);
    });
  }
});

test("an unknown option is refused with the nearest known one", async () => {
  const error = await glueErrorOf(() => resolveWith({ flags: { "docker.imge": "x" } }));
  expect(error).toMatchObject({
    code: "optionInvalid",
    message: 'Unknown option "docker.imge".',
    hint: "Did you mean docker.image?",
  });
});

describe("the runtime", () => {
  const cases: { name: string; given: Parameters<typeof resolveWith>[0]; runtime: string; source: string }[] = [
    {
      name: "follows docker.enabled in the file",
      given: { file: "docker:\n  enabled: true\n" },
      runtime: "docker",
      source: ":2:12",
    },
    {
      name: "follows docker.enabled in the environment",
      given: { env: { GLUE_DOCKER_ENABLED: "1" } },
      runtime: "docker",
      source: "docker.enabled, env GLUE_DOCKER_ENABLED",
    },
    {
      name: "is host where docker.enabled is false",
      given: { file: "docker: {enabled: false}" },
      runtime: "host",
      source: "default",
    },
    {
      name: "is docker by name, whatever docker.enabled says",
      given: { file: "runtime: docker\ndocker: {enabled: false}" },
      runtime: "docker",
      source: ":1:10",
    },
    {
      name: "is host by name, whatever docker.enabled says",
      given: { file: "runtime: host\ndocker: {enabled: true}" },
      runtime: "host",
      source: ":1:10",
    },
    {
      name: "is that of the flag",
      given: { file: "runtime: docker", flags: { runtime: "host" } },
      runtime: "host",
      source: "flag --runtime",
    },
  ];
  for (const { name, given, runtime, source } of cases) {
    test(name, async () => {
      const { options, sources } = await resolveWith(given);
      expect(options.runtime).toBe(runtime as typeof options.runtime);
      expect(describeSource(sources.runtime)).toEndWith(source);
    });
  }

  test("is never guessed where its variable names none", async () => {
    const error = await glueErrorOf(() => resolveWith({ env: { GLUE_RUNTIME: "dcoker" }, demand: "none" }));
    expect(error.message).toContain(`env GLUE_RUNTIME: runtime: expected one of`);
  });

  test("is never guessed where docker.enabled cannot be read", async () => {
    const error = await glueErrorOf(() => resolveWith({ env: { GLUE_DOCKER_ENABLED: "perhaps" } }));
    expect(error.message).toContain("docker.enabled: expected true or false");
  });
});
