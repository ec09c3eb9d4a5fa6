import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Workspace } from "../../runtimes/contract.ts";
import { GlueError } from "../../spec/glue-error.ts";
import { fetchPack } from "../../workspace/fetch-pack.ts";
import { tempDir } from "../support/temp-dir.ts";
import { localSandbox } from "./local-sandbox.ts";

const PIECE = 1_000_000;
const SIZE = 5_500_020;

/** Something with a checksum at its end, as a pack has; reading can be made to misbehave. `read` counts the bytes asked for. */
function setUp(change: (workspace: Workspace) => Partial<Workspace> = () => ({})) {
  const root = tempDir();
  const box = localSandbox(root);
  const body = Buffer.alloc(SIZE - 20);
  for (let at = 0; at < body.length; at += 65_536) crypto.getRandomValues(body.subarray(at, at + 65_536));
  const content = Buffer.concat([body, new Bun.CryptoHasher("sha1").update(body).digest()]);
  const path = join(root, "pack");
  writeFileSync(path, content);
  const place = { path, size: SIZE, folder: join(root, "incoming"), objectFormat: "sha1" } as const;
  let read = 0;
  const workspace: Workspace = {
    ...box.workspace,
    pieceBytes: PIECE,
    read: async (from, range) => {
      read += range?.length ?? 0;
      return await box.workspace.read(from, range);
    },
    ...change(box.workspace),
  };
  return { content, place, path, fetch: () => fetchPack(workspace, place), read: () => read };
}

const dead = () => new GlueError("runtimeUnreachable", "The line is dead.", { retryable: true });

/** A download that gives only so much and then fails. */
function breaksAfter(bytes: number) {
  return (workspace: Workspace): Partial<Workspace> => ({
    download: async (path) => {
      const whole = await workspace.read(path);
      let at = 0;
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          if (at >= bytes) return controller.error(dead());
          controller.enqueue(whole.subarray(at, Math.min(bytes, at + 300_000)));
          at += 300_000;
        },
      });
    },
  });
}

test("all of it comes in one go where nothing breaks", async () => {
  const { fetch, content, read } = setUp();
  expect(readFileSync(await fetch()).equals(content)).toBe(true);
  expect(read()).toBe(20);
});

test("a stream that breaks off is gone on with in pieces", async () => {
  const { fetch, content, read } = setUp(breaksAfter(2_100_000));
  expect(readFileSync(await fetch()).equals(content)).toBe(true);
  expect(read()).toBe(20 + SIZE - 2_100_000);
});

test("what came before the sandbox could not be reached any more is not fetched again by the next try", async () => {
  let reachable = false;
  let asked = 0;
  const broken = breaksAfter(2_100_000);
  const { fetch, content, place } = setUp((workspace) => ({
    ...broken(workspace),
    read: async (path, range) => {
      if (!reachable && range?.length !== 20) throw dead();
      asked += range?.length ?? 0;
      return await workspace.read(path, range);
    },
  }));
  await expect(fetch()).rejects.toMatchObject({ code: "runtimeUnreachable" });
  const [name = ""] = readdirSync(place.folder);
  expect(statSync(join(place.folder, name)).size).toBe(2_100_000);
  reachable = true;
  asked = 0;
  expect(readFileSync(await fetch()).equals(content)).toBe(true);
  expect(asked).toBe(20 + SIZE - 2_100_000);
});

test("a part of another pack is not gone on with", async () => {
  const { fetch, content, place } = setUp();
  const local = await fetch();
  truncateSync(local, 1_000);
  writeFileSync(join(place.folder, `${"0".repeat(40)}.pack`), "of another pack");
  expect(readFileSync(await fetch()).equals(content)).toBe(true);
  expect(readdirSync(place.folder)).toHaveLength(1);
});

test("damage is noticed: nothing of it is used again on either side, and the transfer can be tried again", async () => {
  const { fetch, place, path } = setUp((workspace) => ({
    download: async (from) => new Blob([(await workspace.read(from)).slice().fill(0, 4_000_000, 4_000_100)]).stream(),
  }));
  await expect(fetch()).rejects.toMatchObject({ code: "transferFailed", retryable: true });
  expect(readdirSync(place.folder)).toEqual([]);
  expect(existsSync(path)).toBe(false);
});

test("a piece that stays too short fails the transfer", async () => {
  const { fetch } = setUp((workspace) => ({
    ...breaksAfter(1_000_000)(workspace),
    read: async (path, range) => {
      const bytes = await workspace.read(path, range);
      return range?.length === 20 ? bytes : bytes.subarray(1);
    },
  }));
  await expect(fetch()).rejects.toMatchObject({ code: "transferFailed", retryable: true });
});
