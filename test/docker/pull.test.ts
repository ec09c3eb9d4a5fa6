import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import type { ProgressEvent } from "../../runtimes/contract.ts";
import { IMAGES, missing, testNeeding } from "../support/needs.ts";
import { failureOf, run } from "../support/session-run.ts";
import { dockerConfig, freePort, PASSWORD, type Registry, startRegistry, USER } from "./registry.ts";
import { contextWith, docker, isThere, newSessionId, optionsWith, runtimeFor, withSession } from "./support.ts";

// Containers are made and ended in every test, on machines that may be busy.
setDefaultTimeout(120_000);

const NEEDS = ["image:busybox", "registry"] as const;
const able = NEEDS.every((need) => missing(need) === undefined);
const name = `glue-${newSessionId()}`;
let registry: Registry;
/** An image with a layer that no other image has, so that it really has to be carried. */
let image = "";
let config = "";

beforeAll(async () => {
  if (!able) return;
  registry = await startRegistry();
  config = dockerConfig(registry.address, USER, PASSWORD);
  image = `${registry.address}/${name}:v1`;
  docker("run", "--name", name, IMAGES.busybox, "sh", "-c", "dd if=/dev/urandom of=/ballast bs=1M count=40");
  docker("commit", name, image);
  docker("rm", name);
  const pushed = docker("--config", config, "push", image);
  if (pushed.code !== 0) throw new Error(pushed.out);
}, 120_000);

afterAll(async () => {
  if (!able) return;
  docker("rmi", image);
  await registry.stop();
});

const opening = (
  options: Record<string, string>,
  env: Record<string, string | undefined> = { DOCKER_CONFIG: config },
) => ({
  runtime: runtimeFor({ env }),
  options: optionsWith(options),
});

testNeeding(
  NEEDS,
  "an image that is missing is pulled with the stored credentials, and its progress is seen",
  async () => {
    docker("rmi", image);
    const reports: ProgressEvent[] = [];
    const env = { DOCKER_CONFIG: config };
    await withSession(
      { options: { "docker.image": image }, context: { mode: "copy" }, env, reports },
      async (session) => {
        expect(await run(session, "wc -c </ballast")).toMatchObject({ out: `${40 * 1024 ** 2}\n` });
      },
    );
    const pulling = reports.filter((report) => report.what === `Pulling ${image}`);
    expect(pulling.length).toBeGreaterThan(1);
    const sizes = reports.filter((report) => report.unit === "bytes");
    expect(sizes.length).toBeGreaterThan(1);
    expect(sizes.at(-1)?.total).toBeGreaterThan(40 * 1024 ** 2);
    for (const { done = 0, total = 0 } of sizes) expect(done).toBeLessThanOrEqual(total);
  },
  120_000,
);

testNeeding(NEEDS, "a tag that the registry does not have is told with its words", async () => {
  const context = contextWith();
  const { runtime, options } = opening({ "docker.image": `${registry.address}/${name}:v2` });
  const error = await failureOf(runtime.open(options, context));
  expect(error.code).toBe("imageNotFound");
  expect(error.message).toContain("manifest unknown");
  expect(isThere(context.sessionId)).toBe(false);
});

const CREDENTIALS = [
  ["no credentials", undefined, "No credentials are stored"],
  ["a wrong password", "wrong", "were refused"],
] as const;
for (const [what, password, hint] of CREDENTIALS) {
  testNeeding(NEEDS, `with ${what} the registry's refusal is told as that`, async () => {
    docker("rmi", image);
    const address = password === undefined ? "elsewhere.example" : registry.address;
    const env = { DOCKER_CONFIG: dockerConfig(address, USER, password ?? "x") };
    const { runtime, options } = opening({ "docker.image": image }, env);
    const error = await failureOf(runtime.open(options, contextWith()));
    expect(error.code).toBe("authFailed");
    expect(error.message).toContain(image);
    expect(error.hint).toContain(hint);
    expect(error.hint).toContain(`docker login ${registry.address}`);
    const [, , check] = await runtime.diagnose(options);
    expect(check).toMatchObject({ name: "image", status: "missing" });
  });
}

testNeeding(NEEDS, "a registry that does not answer is told as a failed pull", async () => {
  const { runtime, options } = opening({ "docker.image": `127.0.0.1:${freePort()}/${name}:v1` });
  const error = await failureOf(runtime.open(options, contextWith()));
  expect(error.code).toBe("imagePullFailed");
  expect(error.message).toContain("refused");
});

testNeeding(NEEDS, "the doctor says whether an image that is not here can be had, and pulls nothing", async () => {
  docker("rmi", image);
  const { runtime, options } = opening({ "docker.image": image });
  const checks = await runtime.diagnose(options);
  expect(checks.map((check) => [check.name, check.status])).toEqual([
    ["engine", "ok"],
    ["permission", "ok"],
    ["image", "ok"],
    ["init", "ok"],
    ["storage", "ok"],
  ]);
  expect(checks[2]?.detail).toContain("will be pulled");
  expect(docker("image", "inspect", image).code).not.toBe(0);
});

testNeeding(NEEDS, "an interrupt ends a pull, and leaves no container", async () => {
  docker("rmi", image);
  const abort = new AbortController();
  const context = contextWith({
    signal: abort.signal,
    progress: (event) => {
      if (event.unit === "bytes") abort.abort();
    },
  });
  const { runtime, options } = opening({ "docker.image": image });
  const error = await failureOf(runtime.open(options, context));
  expect(error.code).toBe("cancelled");
  expect(isThere(context.sessionId)).toBe(false);
});
