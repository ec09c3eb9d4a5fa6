import { describe, expect, test } from "bun:test";
import { type Evidence, readRecords, unfinished, updated } from "../../scripts/contract/evidence.ts";
import type { ContractRecord } from "../contract/report.ts";

const record = (change: Partial<ContractRecord>): ContractRecord => ({
  runtime: "host",
  capability: "command_capture",
  title: "a test",
  against: "the machine",
  event: "passed",
  ...change,
});

describe("the evidence of a run", () => {
  test("is read a line each", () => {
    const records = [record({ event: "started" }), record({})];
    expect(readRecords(`${records.map((one) => JSON.stringify(one)).join("\n")}\n`)).toEqual(records);
    expect(readRecords("")).toEqual([]);
  });

  test("counts a test that was started and never passed as failed, against each thing by itself", () => {
    const records = [
      record({ event: "started" }),
      record({}),
      record({ event: "started", against: "another machine" }),
      record({ event: "started", title: "hangs" }),
    ];
    expect(unfinished(records)).toEqual([
      "host.command_capture: a test (another machine)",
      "host.command_capture: hangs (the machine)",
    ]);
  });

  test("names each test once, whatever it ran against, and only those that passed", () => {
    const records = [
      record({ title: "b" }),
      record({ title: "a" }),
      record({ title: "b", against: "busybox" }),
      record({ event: "started", title: "c" }),
      record({ capability: "internet" }),
    ];
    expect(updated({ schemaVersion: 1, cells: {} }, records, "2026-01-02")).toEqual({
      schemaVersion: 1,
      cells: {
        "host.command_capture": { tests: ["b", "a"], against: "the machine; busybox", date: "2026-01-02" },
        "host.internet": { tests: ["a test"], against: "the machine", date: "2026-01-02" },
      },
    });
  });

  test("replaces all cells of a runtime that was tested, and no other runtime's", () => {
    const cell = { tests: ["old"], against: "old", date: "2025-01-01" };
    const old: Evidence = {
      schemaVersion: 1,
      cells: { "host.gpu": cell, "host.command_capture": cell, "docker.gpu": cell },
    };
    const { cells } = updated(old, [record({})], "2026-01-02");
    expect(Object.keys(cells)).toEqual(["docker.gpu", "host.command_capture"]);
    expect(cells["docker.gpu"]).toEqual(cell);
  });
});
