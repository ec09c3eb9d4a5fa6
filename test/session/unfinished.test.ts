import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { listSessions } from "../../session/list.ts";
import type { SessionMeta } from "../../session/meta.ts";
import { recordIntent, recordState } from "../../session/record.ts";
import { makeSessionFolder } from "../../session/store.ts";
import { listUnfinished } from "../../session/unfinished.ts";
import { freshHome, machineWith, metaOf, ownerOn, surroundings } from "./support.ts";

const home = freshHome();
const around = surroundings(home);

function made(changes: Partial<SessionMeta>, state: SessionMeta["state"]): string {
  const folder = makeSessionFolder(home);
  const meta = recordIntent(around, folder, metaOf(folder.id, { ...changes, state: "intended" }));
  recordState(around, folder, meta, state);
  return folder.id;
}

const processOwned = { owner: ownerOn(machineWith()) };
const captured = { capture: { status: "captured", at: "2026-11-22T10:00:00.000Z" } } as const;

test("the index holds what may hold a sandbox or an unlanded change, and is made again when it is gone", () => {
  const running = made(processOwned, "open");
  const open = made({}, "open");
  const opening = made({}, "intended");
  const closing = made({}, "closing");
  const withChange = made(captured, "closed");
  made({}, "closed");
  made(processOwned, "failed");
  const expected = [
    { id: running, busy: true },
    { id: open, busy: false },
    { id: opening, busy: true },
    { id: closing, busy: true },
    { id: withChange, busy: false },
  ].sort((a, b) => (a.id < b.id ? -1 : 1));
  expect(listUnfinished(home)).toEqual(expected);
});

test("an index that is gone is made again whole, and tidied by whoever lists", async () => {
  const matter = listUnfinished(home).map(({ id }) => id);
  rmSync(home.cache, { recursive: true });
  expect(listUnfinished(home).map(({ id }) => id)).toEqual(expect.arrayContaining(matter));
  expect((await listSessions(around, false)).map(({ id }) => id)).toEqual(matter);
  expect(listUnfinished(home).map(({ id }) => id)).toEqual(matter);
  rmSync(home.cache, { recursive: true });
  const another = made({}, "open");
  expect((await listSessions(around, false)).map(({ id }) => id)).toEqual([...matter, another].sort());
});
