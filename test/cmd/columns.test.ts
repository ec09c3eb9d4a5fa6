import { expect, test } from "bun:test";
import { columns } from "../../cmd/columns.ts";

const ROWS = [
  ["ID", "COMMAND"],
  ["one", "a rather long command"],
];

test("a table's last column is cut where the terminal ends, and kept whole elsewhere", () => {
  expect(columns(ROWS)).toBe("ID   COMMAND\none  a rather long command\n");
  expect(columns(ROWS, { width: 20 })).toBe("ID   COMMAND\none  a rather long …\n");
  expect(columns(ROWS, { width: 5 })).toBe("ID   COMMAND\none  a rather lo…\n");
});
