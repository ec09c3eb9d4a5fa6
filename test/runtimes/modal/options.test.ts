import { expect, test } from "bun:test";
import { isGlueError } from "../../../runtimes/contract.ts";
import { wishesOf } from "../../../runtimes/modal/options.ts";
import { resolveOptions } from "../../../spec/resolve.ts";
import { tempDir } from "../../support/temp-dir.ts";

async function wishes(set: Record<string, string>) {
  const flags = { runtime: "modal", ...set };
  return wishesOf((await resolveOptions({ flags, env: {}, configPath: `${tempDir()}/none.yaml` })).options);
}

test("without options the sandbox is Modal's default for half an hour", async () => {
  expect(await wishes({})).toEqual({ app: "glue", image: null, timeout: 1800, secrets: [] });
});

test("what is asked for is passed on", async () => {
  expect(
    await wishes({
      "modal.cpu": "2",
      "modal.memory": "512",
      "modal.gpu": "A100-80GB:2",
      "modal.region": "us-east",
      "modal.environment": "main.old",
      "modal.image": "example.test:5000/some/image:1@sha256:00",
      "modal.secrets": "mine,yours_2",
      "modal.outbound_cidr_allowlist": "203.0.113.0/24,2001:db8::/32",
    }),
  ).toEqual({
    app: "glue",
    image: "example.test:5000/some/image:1@sha256:00",
    timeout: 1800,
    secrets: ["mine", "yours_2"],
    environment: "main.old",
    cpu: 2,
    memory: 512,
    gpu: "A100-80GB:2",
    region: "us-east",
    outbound_cidr_allowlist: ["203.0.113.0/24", "2001:db8::/32"],
  });
});

for (const set of [
  { "modal.app_name": "with space" },
  { "modal.app_name": "ap-0123456789abcdefghijkl" },
  { "modal.image": "two words" },
  { "modal.gpu": "T4:many" },
  { "modal.gpu": "T4:0" },
  { "modal.region": "us east" },
  { "modal.environment": "-main" },
  { "modal.secrets": "mine,not one" },
  { "modal.outbound_cidr_allowlist": "203.0.113.0" },
  { "modal.outbound_cidr_allowlist": "203.0.113.0/33" },
  { "modal.block_network": "true", "modal.outbound_cidr_allowlist": "203.0.113.0/24" },
]) {
  test(`what Modal would refuse is refused before anything is made: ${JSON.stringify(set)}`, async () => {
    const error = await wishes(set).catch((why: unknown) => why);
    expect(isGlueError(error, "optionInvalid")).toBe(true);
    expect(String(error)).toContain(Object.keys(set)[0] ?? "none");
  });
}
