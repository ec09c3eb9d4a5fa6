import { expect, test } from "bun:test";
import { isSessionId, newSessionId } from "../../session/id.ts";

test("an id is short, plain and has the shape of one", () => {
  const id = newSessionId();
  expect(id).toMatch(/^[a-z0-9]{8}-[a-z0-9]{6}$/);
  expect(id.length).toBeLessThanOrEqual(20);
  expect(isSessionId(id)).toBe(true);
});

test("ids sort by the time they were made", () => {
  const times = [0, 1, 35, 36, 1_700_000_000_000, 1_795_000_000_000, 1_795_000_000_001, 2_800_000_000_000];
  const ids = times.map((time) => newSessionId(time));
  expect([...ids].sort()).toEqual(ids);
});

test("twenty thousand ids of one millisecond hardly ever meet", () => {
  const ids = new Set<string>();
  for (let i = 0; i < 20_000; i++) ids.add(newSessionId(1_795_000_000_000));
  expect(ids.size).toBeGreaterThan(19_995);
});

for (const name of ["", "-a", "A", "a_b", "a.b", "..", "a/b", "meta.json", "a".repeat(21)]) {
  test(`"${name}" is not taken for a session`, () => expect(isSessionId(name)).toBe(false));
}
