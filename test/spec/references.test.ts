import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { resolveReferences, type StoredOptions, toReferences } from "../../spec/references.ts";
import { MASK, maskSecrets, secretValues } from "../../spec/secrets.ts";
import { configFile, glueErrorOf, resolveWith } from "./support.ts";

const roundTrip = (stored: StoredOptions): StoredOptions => JSON.parse(JSON.stringify(stored));

describe("stored options", () => {
  test("give another process the same options, and hold no secret", async () => {
    const env = { DAYTONA_API_KEY: "dtn_secret", GLUE_DOCKER_IMAGE: "x" };
    const resolved = await resolveWith({ file: "runtime: daytona\ndaytona: {target: eu}\n", env });
    const stored = roundTrip(toReferences(resolved));
    expect(JSON.stringify(stored)).not.toContain("dtn_secret");
    expect(stored.secrets).toEqual({ "daytona.api_key": "env:DAYTONA_API_KEY" });
    const again = await resolveReferences(stored, env);
    expect(again).toEqual({ ...resolved.options, "docker.image": "ubuntu:24.04" });
  });

  test("keep the defaults of the day they were made", async () => {
    const stored = toReferences(await resolveWith({}));
    expect(stored.values).toMatchObject({ runtime: "host", kill_grace_seconds: 5, checkpoint_seconds: 60 });
    expect(Object.keys(stored.values).filter((key) => key.startsWith("docker."))).toEqual([]);
  });

  test("take what is missing from the defaults and pass over what is unknown", async () => {
    const stored = {
      values: { runtime: "docker", "docker.future": 1 },
      secrets: { "docker.token": "env:X" },
    } as StoredOptions;
    const options = await resolveReferences(stored, {});
    expect(options.runtime).toBe("docker");
    expect(options["docker.image"]).toBe("ubuntu:24.04");
    expect(Object.keys(options)).not.toContain("docker.future");
  });

  test("of a wrong type are damage", async () => {
    const stored = { values: { kill_grace_seconds: "soon" }, secrets: {} } as StoredOptions;
    expect(await glueErrorOf(() => resolveReferences(stored, {}))).toMatchObject({ code: "sessionDamaged" });
  });
});

describe("a secret is found again", () => {
  const file = (key: string) => configFile(`runtime: daytona\ndaytona:\n  api_key: ${key}\n`);
  test("in the variable that holds it", async () => {
    const resolved = await resolveWith({ path: file("env:MY_KEY"), env: { MY_KEY: "dtn_1" } });
    const stored = toReferences(resolved);
    expect(stored.secrets["daytona.api_key"]).toBe("env:MY_KEY");
    expect((await resolveReferences(stored, { MY_KEY: "dtn_2" }))["daytona.api_key"]).toBe("dtn_2");
  });

  test("in the file that holds it", async () => {
    const path = file("dtn_1");
    const stored = toReferences(await resolveWith({ path }));
    expect(stored.secrets["daytona.api_key"]).toBe(`file:${path}`);
    expect((await resolveReferences(stored, {}))["daytona.api_key"]).toBe("dtn_1");
  });

  test("where the file now names a variable", async () => {
    const path = file("dtn_1");
    const stored = toReferences(await resolveWith({ path }));
    writeFileSync(path, "daytona: {api_key: env:MOVED}\n");
    expect((await resolveReferences(stored, { MOVED: "dtn_3" }))["daytona.api_key"]).toBe("dtn_3");
  });

  test("or is named as missing", async () => {
    const path = file("dtn_1");
    const stored = toReferences(await resolveWith({ path }));
    writeFileSync(path, "runtime: daytona\n");
    expect(await glueErrorOf(() => resolveReferences(stored, {}))).toMatchObject({
      code: "secretMissing",
      message: `daytona.api_key no longer stands in ${path}.`,
    });
    const inEnv = { values: {}, secrets: { "daytona.api_key": "env:MY_KEY" } };
    expect(await glueErrorOf(() => resolveReferences(inEnv, {}))).toMatchObject({
      code: "secretMissing",
      message: "daytona.api_key: the environment variable MY_KEY is not set.",
    });
  });

  test("and an unknown kind of reference is damage", async () => {
    const stored = { values: {}, secrets: { "daytona.api_key": "dtn_plain" } };
    const error = await glueErrorOf(() => resolveReferences(stored, {}));
    expect(error.code).toBe("sessionDamaged");
    expect(error.message).not.toContain("dtn_plain");
  });
});

test("secrets are masked where options are shown, and listed for masking elsewhere", async () => {
  const { options } = await resolveWith({ env: { DAYTONA_API_KEY: "dtn_secret" } });
  expect(maskSecrets(options)["daytona.api_key"]).toBe(MASK);
  expect(JSON.stringify(maskSecrets(options))).not.toContain("dtn_secret");
  expect(secretValues(options)).toEqual(["dtn_secret"]);
  const none = (await resolveWith({})).options;
  expect(maskSecrets(none)["daytona.api_key"]).toBeUndefined();
  expect(secretValues(none)).toEqual([]);
});
