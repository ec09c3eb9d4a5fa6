import { describe, expect, test } from "bun:test";
import { needsRecord, parseExitRecord, resultOfRecord } from "../../../runtimes/common/exit-record.ts";

describe("a record", () => {
  const whole: [text: string, how: string, code: number][] = [
    ["exit 0 .\n", "exit", 0],
    ["exit 255 .\n", "exit", 255],
    ["signal 137 .\n", "signal", 137],
    ["timeout 124 .", "timeout", 124],
    ["cancel 143 .\n", "cancel", 143],
    ["cwd 125 .\n", "cwd", 125],
  ];
  test.each(whole)("%j is understood", (text, how, code) => {
    expect(parseExitRecord(text)).toEqual({ how, code } as ReturnType<typeof parseExitRecord>);
  });

  test.each(["", "exit", "exit 1", "exit 13 ", "exit 137", "nonsense 1 .\n", "exit x .\n", "exit 1 .\nexit 2 .\n"])(
    "%j is not there yet",
    (text) => {
      expect(parseExitRecord(text)).toBeUndefined();
    },
  );

  test("is needed only where the status can mean two things", () => {
    const open = [...Array(256).keys()].filter(needsRecord);
    expect(open).toEqual([124, 125, ...Array.from({ length: 127 }, (_, index) => index + 129)]);
  });

  test("becomes a result: only a deadline changes the status, to 124", () => {
    expect(resultOfRecord({ how: "timeout", code: 143 })).toEqual({ exitCode: 124, outcome: "timeout" });
    expect(resultOfRecord({ how: "cancel", code: 143 })).toEqual({ exitCode: 143, outcome: "cancelled" });
    expect(resultOfRecord({ how: "signal", code: 139 })).toEqual({ exitCode: 139, outcome: "signalled" });
    expect(resultOfRecord({ how: "exit", code: 124 })).toEqual({ exitCode: 124, outcome: "exited" });
  });
});
