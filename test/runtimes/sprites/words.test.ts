/** What is read of the sprite CLI's words, and what is said of a sprite that cannot be had. */
import { describe, expect, test } from "bun:test";
import { cliError, failureOf } from "../../../runtimes/sprites/cli-errors.ts";
import { leaseLine, parseLease } from "../../../runtimes/sprites/lease.ts";
import { firstMark } from "../../../runtimes/sprites/marks-in.ts";
import { parseCounts } from "../../../runtimes/sprites/outcome.ts";
import { heldBy, inTheWay } from "../../../runtimes/sprites/refusals.ts";

const owner = { kind: "process", host: "here", boot: "b", pid: 7, pidStart: "1" } as const;

describe("a failure of the CLI is told by its last error line", () => {
  const rows: readonly [said: string, failure: string, code: string][] = [
    ["Error: no organizations configured. Run 'sprite login' to authenticate", "loggedOut", "authFailed"],
    [
      "Error creating sprite: failed to create sprite: Maximum concurrent sprites (3) reached",
      "capacity",
      "quotaExceeded",
    ],
    ["Error creating sprite: failed to create sprite: sprite a already exists", "exists", "runtimeUnreachable"],
    ["Error: failed to start sprite command: sprite not found", "gone", "sandboxGone"],
    [
      "Error: failed to start sprite command: failed to connect: websocket: bad handshake (HTTP 502)",
      "notStarted",
      "runtimeUnreachable",
    ],
    [
      "Error: failed to start sprite command: failed to connect: websocket: bad handshake (HTTP 414)",
      "tooLong",
      "runtimeUnreachable",
    ],
    [
      "Error: failed to start sprite command: failed to connect: dial tcp: i/o timeout",
      "notStarted",
      "runtimeUnreachable",
    ],
    ["Error: connection closed", "lost", "runtimeUnreachable"],
    ["Error: no exit frame received", "lost", "runtimeUnreachable"],
    ["a command's own words about a bad handshake", "unknown", "runtimeUnreachable"],
    ["", "unknown", "runtimeUnreachable"],
  ];
  for (const [said, failure, code] of rows) {
    test(said || "nothing at all", () => {
      expect(failureOf(`Connecting…\n${said}\n`)).toBe(failure as never);
      expect(cliError("It failed", said).code).toBe(code as never);
    });
  }
});

test("a mark is found behind the program's own words, and only when it is whole", () => {
  const bytes = Buffer.from("Connecting to x\n\x1eother head 1\x1e\x1etoken head 0 5\x1ehello");
  expect(firstMark(bytes, "token")).toEqual({ words: "head 0 5", rest: Buffer.from("hello") });
  expect(firstMark(bytes.subarray(0, bytes.length - 6), "token")).toBeUndefined();
  expect(firstMark(bytes, "nobody")).toBeUndefined();
});

test("counts are read whole or not at all", () => {
  expect(parseCounts("10 10 3 2 .")).toEqual({ out: { total: 10, kept: 10 }, err: { total: 3, kept: 2 } });
  expect(parseCounts("10 10 3")).toBeUndefined();
});

test("a lease is one line, and is read back or not believed", () => {
  const line = leaseLine({ sessionId: "s-1", owner, ours: true });
  expect(line).toContain('"session":"s-1"');
  expect(line).not.toContain("\n");
  expect(parseLease(line)).toEqual({ sessionId: "s-1", owner, ours: true });
  for (const text of [
    "",
    "{",
    "null",
    "[]",
    line.slice(0, -2),
    line.replace('"format":1', '"format":2'),
    line.replace("7", '"7"'),
  ]) {
    expect(parseLease(text)).toBeUndefined();
  }
});

test("the refusal of a sprite with uncommitted changes is word for word what was promised", () => {
  const { message, hint } = inTheWay("my-box", "dirty");
  expect(message).toBe(`Sprite "my-box" has uncommitted changes from a previous session in
/workspace. Commit or export them inside the sandbox before resuming,
e.g.:
  sprite exec my-box -- bash -lc "cd /workspace && git add -A && \\
    git commit -m 'resume baseline'"`);
  expect(hint?.split("\n")).toEqual([
    `With today's sprite CLI: sprite -s my-box exec -- bash -lc "cd /workspace && git add -A && git commit -m 'resume baseline'"`,
    "To give that work up: sprite destroy my-box",
  ]);
});

test("who holds a sprite is named, and another machine's lease is told apart", () => {
  const mine = heldBy("box", leaseLine({ sessionId: "s-1", owner, ours: false }), owner);
  expect([mine.code, mine.message]).toEqual([
    "sandboxBusy",
    'Sprite "box" is in use by session s-1 (process 7) of this machine.',
  ]);
  const other = heldBy("box", leaseLine({ sessionId: "s-1", owner: { ...owner, host: "there" }, ours: false }), owner);
  expect(other.message).toContain("another machine");
  expect(heldBy("box", "torn", owner).message).toContain("cannot be read");
});
