import { expect, test } from "bun:test";
import { containerUser, memoryBytes } from "../../../runtimes/docker/create.ts";
import { sshArgv } from "../../../runtimes/docker/ssh-agent.ts";

test.each([
  ["512m", 512 * 1024 ** 2],
  ["2g", 2 * 1024 ** 3],
  ["1.5G", 1.5 * 1024 ** 3],
  ["64k", 65_536],
  ["1000000b", 1_000_000],
  ["1000000", 1_000_000],
])("%s is %d bytes", (text, bytes) => {
  expect(memoryBytes(text)).toBe(bytes);
});

test.each(["", "m", "1x", "-1m", "0", "0.0001b"])("%p is no amount of memory", (text) => {
  expect(() => memoryBytes(text)).toThrow("is no amount of memory");
});

test("docker.user: host is the caller's own uid and gid", () => {
  expect(containerUser("host")).toBe(`${process.getuid?.()}:${process.getgid?.()}`);
  expect(containerUser("node")).toBe("node");
  expect(containerUser(undefined)).toBeUndefined();
});

test("an ssh address becomes words that ssh cannot take for options", () => {
  expect(sshArgv("ssh://me@box:2222").slice(-8)).toEqual(
    ["-l", "me", "-p", "2222", "--", "box", "docker", "system", "dial-stdio"].slice(-8),
  );
  expect(() => sshArgv("ssh://-oProxyCommand=x@box")).toThrow("no address that ssh can be given");
  expect(() => sshArgv("ssh://me:secret@box")).toThrow("ssh://me:…@box");
});
