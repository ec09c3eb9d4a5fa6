import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAddress, resolveEndpoint } from "../../../runtimes/docker/endpoint.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** A home with a docker configuration: the current context, and contexts by name with their hosts. */
function home(current: string | undefined, contexts: Record<string, string> = {}): string {
  const folder = tempDir();
  mkdirSync(join(folder, ".docker"), { recursive: true });
  if (current !== undefined) {
    writeFileSync(join(folder, ".docker/config.json"), JSON.stringify({ currentContext: current, auths: {} }));
  }
  for (const [name, host] of Object.entries(contexts)) {
    const hash = new Bun.CryptoHasher("sha256").update(name).digest("hex");
    const meta = join(folder, ".docker/contexts/meta", hash);
    mkdirSync(meta, { recursive: true });
    const docker = { Host: host, SkipTLSVerify: false };
    writeFileSync(join(meta, "meta.json"), JSON.stringify({ Name: name, Metadata: {}, Endpoints: { docker } }));
  }
  return folder;
}

test("DOCKER_HOST comes before every context", () => {
  const HOME = home("remote", { remote: "tcp://192.0.2.1:2375" });
  const endpoint = resolveEndpoint({ HOME, DOCKER_HOST: "unix:///run/mine.sock", DOCKER_CONTEXT: "remote" });
  expect(endpoint).toEqual({
    kind: "unix",
    url: "unix:///run/mine.sock",
    path: "/run/mine.sock",
    source: "DOCKER_HOST",
  });
});

test("the current context of the docker CLI is followed", () => {
  const HOME = home("rootless", { rootless: "unix:///run/user/7/docker.sock" });
  expect(resolveEndpoint({ HOME })).toMatchObject({ kind: "unix", path: "/run/user/7/docker.sock" });
});

test("DOCKER_CONTEXT comes before the current context", () => {
  const HOME = home("a", { a: "unix:///a.sock", b: "unix:///b.sock" });
  expect(resolveEndpoint({ HOME, DOCKER_CONTEXT: "b" }).path).toBe("/b.sock");
});

test("the context called default is the system's socket", () => {
  expect(resolveEndpoint({ HOME: home("default") }, "linux").source).toBe("the default");
});

test("a context that does not exist is named", () => {
  expect(() => resolveEndpoint({ HOME: home("gone") })).toThrow('no such thing as the docker context "gone"');
});

test("DOCKER_CONFIG moves the docker CLI's folder", () => {
  const folder = join(home("c", { c: "unix:///c.sock" }), ".docker");
  expect(resolveEndpoint({ HOME: tempDir(), DOCKER_CONFIG: folder }).path).toBe("/c.sock");
});

test("a broken config.json is named", () => {
  const HOME = home(undefined);
  writeFileSync(join(HOME, ".docker/config.json"), "{");
  expect(() => resolveEndpoint({ HOME })).toThrow("config.json is not valid JSON");
});

test("where nothing chooses and no socket exists, the system's is meant", () => {
  const endpoint = resolveEndpoint({ HOME: tempDir() }, "linux");
  expect(endpoint.path).toBe("/var/run/docker.sock");
});

test("on Windows the default is a named pipe", () => {
  expect(resolveEndpoint({ HOME: tempDir() }, "win32")).toMatchObject({ kind: "pipe", path: "//./pipe/docker_engine" });
});

test.each([
  ["tcp://10.0.0.1:2375", "tcp"],
  ["tcp://[::1]:2375", "tcp"],
  ["https://docker.example:2376", "tcp"],
  ["ssh://me@box", "ssh"],
  ["ssh://box:2222", "ssh"],
  ["npipe:////./pipe/docker_engine", "pipe"],
] as const)("%s is understood as %s", (address, kind) => {
  expect(parseAddress(address, "DOCKER_HOST").kind).toBe(kind);
});

test.each(["", "docker.sock", "unix://relative.sock", "unix://", "ftp://x", "tcp://", "ssh://"])(
  "%p is refused, with the place it came from",
  (address) => {
    expect(() => parseAddress(address, "DOCKER_HOST")).toThrow("DOCKER_HOST says");
  },
);

test("the certificates of DOCKER_CERT_PATH are for tcp only", () => {
  const env = { HOME: tempDir(), DOCKER_CERT_PATH: "/certs", DOCKER_TLS_VERIFY: "1" };
  const tcp = resolveEndpoint({ ...env, DOCKER_HOST: "tcp://10.0.0.1:2376" });
  expect(tcp).toMatchObject({ tlsDir: "/certs", tlsVerify: true });
  expect(resolveEndpoint({ ...env, DOCKER_HOST: "unix:///x.sock" }).tlsDir).toBeUndefined();
});
