import { describe, expect, test } from "bun:test";
import { demand, describeSource } from "../../spec/resolve.ts";
import { configFile, glueErrorOf, resolveWith } from "./support.ts";

const KEY = { DAYTONA_API_KEY: "dtn_1" };

describe("env:NAME reads the environment", () => {
  test("from the file, with both places in the source", async () => {
    const { options, sources } = await resolveWith({
      file: "docker:\n  image: env:MY_IMAGE\n  cpus: env:N\n",
      env: { MY_IMAGE: "alpine", N: "2" },
    });
    expect(options["docker.image"]).toBe("alpine");
    expect(options["docker.cpus"]).toBe(2);
    expect(sources["docker.image"]).toMatchObject({ kind: "file", line: 2, column: 10, via: "MY_IMAGE" });
    expect(describeSource(sources["docker.image"])).toEndWith(":2:10, env MY_IMAGE");
  });

  test("in the items of a list", async () => {
    const { options } = await resolveWith({ file: "docker:\n  mounts: [env:WORK, /b]\n", env: { WORK: "/w;x" } });
    expect(options["docker.mounts"]).toEqual(["/w;x", "/b"]);
  });

  test("from a flag and from a variable", async () => {
    expect((await resolveWith({ flags: { "docker.image": "env:X" }, env: { X: "a" } })).options["docker.image"]).toBe(
      "a",
    );
    expect((await resolveWith({ env: { GLUE_DOCKER_IMAGE: "env:X", X: "a" } })).options["docker.image"]).toBe("a");
  });

  test("one level deep only", async () => {
    expect(
      (await resolveWith({ flags: { "docker.image": "env:X" }, env: { X: "env:Y", Y: "a" } })).options["docker.image"],
    ).toBe("env:Y");
  });

  test("and says which one is not set, where the chosen runtime needs it", async () => {
    const file = "runtime: docker\ndocker:\n  image: env:MY_IMAGE\n";
    const path = configFile(file);
    const error = await glueErrorOf(() => resolveWith({ path }));
    expect(error.code).toBe("optionInvalid");
    expect(error.message).toBe(`${path}:3:10: docker.image: the environment variable MY_IMAGE is not set.`);
    expect(error.hint).toBe("Set MY_IMAGE, or give docker.image another value.");
  });

  test("and does not mind an unset one that another runtime needs", async () => {
    const { options, sources } = await resolveWith({ file: "docker:\n  image: env:MY_IMAGE\n" });
    expect(options["docker.image"]).toBe("ubuntu:24.04");
    expect(sources["docker.image"].problem).toBe("the environment variable MY_IMAGE is not set");
  });

  test("and refuses what cannot be the name of a variable", async () => {
    const error = await glueErrorOf(() => resolveWith({ flags: { "docker.image": "env:1.2" } }));
    expect(error.message).toContain(`env: must be followed by the name of an environment variable, found "1.2"`);
  });
});

describe("a variable that only another runtime reads", () => {
  test("may hold what is no value of ours", async () => {
    const { options, sources } = await resolveWith({ env: { MODAL_SANDBOX_TIMEOUT: "soon" } });
    expect(options["modal.sandbox_timeout_seconds"]).toBe(1800);
    expect(sources["modal.sandbox_timeout_seconds"]).toMatchObject({ kind: "env", name: "MODAL_SANDBOX_TIMEOUT" });
  });

  test("is an error once that runtime is chosen", async () => {
    const error = await glueErrorOf(() =>
      resolveWith({ env: { MODAL_SANDBOX_TIMEOUT: "soon" }, flags: { runtime: "modal" } }),
    );
    expect(error.code).toBe("optionInvalid");
    expect(error.message).toStartWith(
      "env MODAL_SANDBOX_TIMEOUT: modal.sandbox_timeout_seconds: expected a whole number",
    );
  });
});

describe("secrets", () => {
  test("are demanded of the chosen runtime only", async () => {
    const error = await glueErrorOf(() => resolveWith({ flags: { runtime: "daytona" } }));
    expect(error).toMatchObject({
      code: "secretMissing",
      message: "The runtime daytona needs daytona.api_key, which is not set.",
    });
    expect(error.hint).toBe("Set DAYTONA_API_KEY in your environment.");
    expect((await resolveWith({ flags: { runtime: "host" } })).options["daytona.api_key"]).toBeUndefined();
    expect((await resolveWith({ flags: { runtime: "daytona" }, env: KEY })).options["daytona.api_key"]).toBe("dtn_1");
  });

  test("are not demanded by a command that only looks, until it asks", async () => {
    const resolved = await resolveWith({ flags: { runtime: "daytona" }, demand: "none" });
    expect((await glueErrorOf(() => demand(resolved, "daytona"))).code).toBe("secretMissing");
    demand(resolved, "host");
  });

  test("that the file takes from a variable without value are missing, by name", async () => {
    for (const [env, is] of [
      [{}, "not set"],
      [{ MY_KEY: "" }, "empty"],
    ] as const) {
      const path = configFile("runtime: daytona\ndaytona: {api_key: env:MY_KEY}\n");
      const error = await glueErrorOf(() => resolveWith({ path, env }));
      expect(error.code).toBe("secretMissing");
      expect(error.message).toBe(`${path}:2:20: daytona.api_key: the environment variable MY_KEY is ${is}.`);
    }
  });

  test("are refused on the command line, where every user could read them", async () => {
    const error = await glueErrorOf(() => resolveWith({ flags: { "daytona.api_key": "dtn_secret" } }));
    expect(error.code).toBe("optionInvalid");
    expect(`${error.message} ${error.hint}`).not.toContain("dtn_secret");
    expect(error.hint).toContain("--set daytona.api_key=env:NAME");
  });
});
