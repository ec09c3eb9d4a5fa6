import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { registryAuth } from "../../../runtimes/docker/registry-auth.ts";
import { tempDir } from "../../support/temp-dir.ts";

function home(config: unknown): string {
  const folder = tempDir();
  mkdirSync(join(folder, ".docker"));
  writeFileSync(join(folder, ".docker/config.json"), JSON.stringify(config));
  return folder;
}

async function auth(registry: string, config: unknown, PATH = process.env.PATH): Promise<unknown> {
  const value = await registryAuth(registry, { HOME: home(config), PATH });
  return value === undefined ? undefined : JSON.parse(Buffer.from(value, "base64url").toString());
}

const pair = Buffer.from("me:se:cret").toString("base64");

test("what docker login stored is sent", async () => {
  const found = await auth("r.example:5000", { auths: { "r.example:5000": { auth: pair } } });
  expect(found).toEqual({ username: "me", password: "se:cret", serveraddress: "r.example:5000" });
});

test("a key with a scheme and a path is the same registry", async () => {
  expect(await auth("r.example", { auths: { "https://r.example/v1/": { auth: pair } } })).toMatchObject({
    username: "me",
  });
});

test("the hub has a name of its own", async () => {
  const found = await auth("docker.io", { auths: { "https://index.docker.io/v1/": { identitytoken: "t" } } });
  expect(found).toMatchObject({ identitytoken: "t" });
});

test.each([
  ["another registry's", { auths: { "other.example": { auth: pair } } }],
  ["an empty entry", { auths: { "r.example": {} } }],
  ["a helper that is not installed", { credsStore: "none-such" }],
])("with %s the pull is anonymous", async (_, config) => {
  expect(await auth("r.example", config)).toBeUndefined();
});

test("without a file the pull is anonymous", async () => {
  expect(await registryAuth("r.example", { HOME: tempDir() })).toBeUndefined();
});

test("a credential helper is asked for its registry", async () => {
  const bin = tempDir();
  const helper = join(bin, "docker-credential-test");
  writeFileSync(
    helper,
    `#!/bin/sh\nread -r registry\n[ "$1" = get ] && printf '{"Username":"u","Secret":"%s"}' "for $registry"\n`,
  );
  chmodSync(helper, 0o755);
  const found = await auth("r.example", { credHelpers: { "r.example": "test" } }, `${bin}:${process.env.PATH}`);
  expect(found).toEqual({ username: "u", password: "for r.example", serveraddress: "r.example" });
});
