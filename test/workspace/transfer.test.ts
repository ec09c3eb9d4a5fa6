import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Workspace } from "../../runtimes/contract.ts";
import { GlueError } from "../../spec/glue-error.ts";
import type { StageTarget } from "../../workspace/stage-script.ts";
import { fileSource, sendInPieces, sendWhole } from "../../workspace/transfer.ts";
import { tempDir } from "../support/temp-dir.ts";
import { localSandbox } from "./local-sandbox.ts";

const PIECE = 1_000_000;

/** A sandbox whose files can be made to misbehave, and a file of 4.5 pieces to send there. */
function setUp(change: (workspace: Workspace) => Partial<Workspace> = () => ({})) {
  const root = tempDir();
  const box = localSandbox(root);
  const target: StageTarget = { ...box, workspace: { ...box.workspace, pieceBytes: PIECE, ...change(box.workspace) } };
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  const content = Buffer.concat(Array.from({ length: 69 }, (_, at) => Buffer.concat([bytes, Buffer.from(`${at}`)])));
  const file = join(root, "file");
  writeFileSync(file, content);
  const send = (sha256sum = true) =>
    sendInPieces(target, fileSource(file, content.length), join(root, "tmp", "out"), { what: "sending", sha256sum });
  const arrived = () => readFileSync(join(root, "tmp", "out"));
  return { root, content, file, target, send, arrived, incoming: join(root, "private", "incoming") };
}

describe("in pieces", () => {
  for (const sha256sum of [true, false]) {
    test(`everything arrives and nothing else stays, ${sha256sum ? "with" : "without"} sha256sum in the sandbox`, async () => {
      const { content, send, arrived, root, incoming } = setUp();
      expect(await send(sha256sum)).toBe(content.length);
      expect(arrived().equals(content)).toBe(true);
      expect(readdirSync(join(root, "tmp"))).toEqual(["out"]);
      expect(readdirSync(incoming)).toEqual([]);
    });
  }

  test("a second try sends only what had not arrived whole", async () => {
    let left = 3;
    const { content, send, arrived, incoming } = setUp((workspace) => ({
      write: async (...args) => {
        if (left-- === 0) throw new GlueError("runtimeUnreachable", "The line is dead.");
        await workspace.write(...args);
      },
    }));
    await expect(send()).rejects.toMatchObject({ code: "runtimeUnreachable" });
    const [folder = ""] = readdirSync(incoming);
    // One of the three was cut off when the sandbox went away.
    writeFileSync(join(incoming, folder, "00000001"), content.subarray(PIECE, PIECE + 10));
    expect(await send()).toBe(content.length - 2 * PIECE);
    expect(arrived().equals(content)).toBe(true);
  });

  test("a piece that is damaged on the way is noticed; the next try sends it again and no other", async () => {
    let damage = true;
    const { content, send, arrived } = setUp((workspace) => ({
      write: async (path, bytes, options) => {
        const bad = damage && String(path).endsWith("2");
        if (bad) damage = false;
        await workspace.write(path, bad ? bytes.slice().fill(0, 0, 1) : bytes, options);
      },
    }));
    await expect(send()).rejects.toMatchObject({ code: "transferFailed", retryable: true });
    expect(await send()).toBe(PIECE);
    expect(arrived().equals(content)).toBe(true);
  });

  test("without sha256sum a damaged piece is read back, sent again, and given up on after three times", async () => {
    let damage = 1;
    const change = (workspace: Workspace): Partial<Workspace> => ({
      write: (path, bytes, options) => workspace.write(path, damage-- > 0 ? bytes.slice(1) : bytes, options),
    });
    const once = setUp(change);
    await once.send(false);
    expect(once.arrived().equals(once.content)).toBe(true);
    damage = 100;
    await expect(setUp(change).send(false)).rejects.toMatchObject({ code: "transferFailed" });
  });

  test("a call that may be repeated is repeated", async () => {
    let failures = 2;
    const { content, send, arrived } = setUp((workspace) => ({
      write: async (...args) => {
        if (failures-- > 0) throw new GlueError("runtimeUnreachable", "Try again.", { retryable: true });
        await workspace.write(...args);
      },
    }));
    expect(await send()).toBe(content.length);
    expect(arrived().equals(content)).toBe(true);
  });

  test("a file that changes while it is sent is not joined with itself", async () => {
    const { file, content, send } = setUp((workspace) => ({
      write: async (path, bytes, options) => {
        await workspace.write(path, bytes, options);
        if (String(path).endsWith("0"))
          writeFileSync(
            file,
            content.map((byte) => byte ^ 1),
          );
      },
    }));
    await expect(send()).rejects.toMatchObject({ code: "transferFailed" });
  });
});

test("progress tells how much of how much, up to the end", async () => {
  const { file, content, target, root } = setUp();
  const seen: number[] = [];
  const progress = (event: { done?: number; total?: number }) => {
    expect(event.total).toBe(content.length);
    seen.push(event.done ?? -1);
  };
  await sendWhole(target, fileSource(file, content.length), join(root, "tmp", "whole"), { what: "sending", progress });
  expect(seen.at(-1)).toBe(content.length);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(readFileSync(join(root, "tmp", "whole")).equals(content)).toBe(true);
});

test("an interrupted transfer stops before the next piece", async () => {
  const stop = new AbortController();
  let written = 0;
  const { file, content, target, root } = setUp((workspace) => ({
    write: async (...args) => {
      await workspace.write(...args);
      if (++written === 2) stop.abort();
    },
  }));
  const options = { what: "sending", sha256sum: false, signal: stop.signal };
  await expect(sendInPieces(target, fileSource(file, content.length), join(root, "x"), options)).rejects.toMatchObject({
    code: "cancelled",
  });
  expect(written).toBe(2);
});
