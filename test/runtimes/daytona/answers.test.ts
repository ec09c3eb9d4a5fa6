import { describe, expect, test } from "bun:test";
import { labelsOf, readLabels } from "../../../runtimes/daytona/labels.ts";
import { parsePoll, parsePollWithBytes } from "../../../runtimes/daytona/poll.ts";
import { messageOf, refusal, ServiceError } from "../../../runtimes/daytona/service-errors.ts";

describe("the answer of the carrier", () => {
  const b64 = (text: string) => Buffer.from(text).toString("base64");

  test("tells of a command that is over, with its outputs", () => {
    const poll = parsePoll(`s over 3 exit 3 .\nw 12\ne 0 0 4 0 here\n${b64("err\n")}\n-\no 1 0 0 1\n`);
    expect(poll).toMatchObject({
      state: "over",
      status: 3,
      record: { how: "exit", code: 3 },
      waitedMs: 12,
      lost: false,
    });
    expect(Buffer.from(poll.stderr.bytes ?? []).toString()).toBe("err\n");
    expect(poll.stdout).toMatchObject({ piece: 1, offset: 0, waiting: 0, ended: true, bytes: undefined });
  });

  test("puts base64 of several lines together", () => {
    const bytes = crypto.getRandomValues(new Uint8Array(500));
    const lines = Buffer.from(bytes).toString("base64").replace(/.{76}/g, "$&\n");
    const poll = parsePoll(`s running\nw 0\ne 0 0 0 0\no 0 100 500 0 here\n${lines}\n-\n`);
    expect(poll.stdout.bytes).toEqual(bytes);
  });

  test("has bytes behind it as they are, those of stdout first, and says whether more will follow", () => {
    const words = "s over 0 exit 0 .\nw 0\no 0 0 3 2 behind\ne 0 0 2 0 behind\n\n";
    const poll = parsePollWithBytes(Buffer.concat([Buffer.from(words), Buffer.from([0, 10, 255, 10, 10])]));
    expect(poll.stdout).toMatchObject({ bytes: new Uint8Array([0, 10, 255]), last: true, ended: false });
    expect(poll.stderr).toMatchObject({ bytes: new Uint8Array([10, 10]), last: false });
    expect(() => parsePollWithBytes(Buffer.from(`${words}abcd`))).toThrow("nobody understands");
  });

  test("says where a record is missing or a store failed", () => {
    expect(parsePoll("s over 137 \nw 0\nlost\ne 0 0 0 1\no 0 0 0 1\n")).toMatchObject({
      status: 137,
      record: undefined,
      lost: true,
    });
    expect(parsePoll("s unknown\n").state).toBe("unknown");
  });

  for (const text of ["", "s what\n", "s running\n", "s running\no 0 0 5 0 here\nAAAA\n"]) {
    test(`is not guessed from ${JSON.stringify(text)}`, () => {
      expect(() => parsePoll(text)).toThrow("nobody understands");
    });
  }
});

describe("labels", () => {
  const owner = { kind: "open", host: "h", boot: "b", pid: 7, pidStart: "9" } as const;

  test("are read back as they were written", () => {
    expect(readLabels(labelsOf("s1", owner))).toEqual({ sessionId: "s1", owner, kept: false });
    expect(readLabels(labelsOf("s1", owner, true))?.kept).toBe(true);
  });

  test("that are not whole prove no owner, and others' are not glue's", () => {
    for (const name of ["kind", "host", "boot", "pid", "pid-start"]) {
      const labels = labelsOf("s1", owner);
      delete labels[`dev.glue.owner.${name}`];
      expect(readLabels(labels)).toEqual({ sessionId: "s1", owner: undefined, kept: false });
    }
    expect(readLabels({ ...labelsOf("s1", owner), "dev.glue.format": "2" })?.owner).toBeUndefined();
    expect(readLabels({ team: "x" })).toBeUndefined();
    expect(readLabels(null)).toBeUndefined();
  });
});

describe("a refusal of the service", () => {
  const said = [
    ['{"statusCode":400,"message":"no","error":"Bad Request"}', "no"],
    ['{"message":["a","b"]}', "a; b"],
    ['{"error":"gone"}', "gone"],
    ["<html>Bad Gateway</html>", "HTTP status 502"],
    ["", "HTTP status 502"],
    ["plain words", "plain words"],
  ] as const;
  for (const [text, message] of said) {
    test(`in the words of ${JSON.stringify(text)}`, () => expect(messageOf(502, text)).toBe(message));
  }

  const codes = [
    [401, "Invalid credentials", "authFailed"],
    [403, "Forbidden resource", "authFailed"],
    [403, "Organization is suspended: no credits", "quotaExceeded"],
    [400, "Total CPU limit exceeded. Maximum allowed: 10.", "quotaExceeded"],
    [400, "Snapshot x not found", "sandboxCreateFailed"],
    [429, "Too many", "quotaExceeded"],
    [503, "HTTP status 503", "runtimeUnreachable"],
  ] as const;
  for (const [status, message, code] of codes) {
    test(`${status} ${message}: ${code}`, () => {
      const error = refusal("did not create the sandbox", new ServiceError(status, message));
      expect(error.code).toBe(code);
      expect(error.message).toContain(message);
    });
  }
});
