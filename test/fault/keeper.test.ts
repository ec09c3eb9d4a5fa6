import { expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attachSession } from "../../session/attach.ts";
import { type Home, openHome } from "../../session/home.ts";
import { keepSession } from "../../session/keeper.ts";
import { liveLease, readLease, socketPath } from "../../session/keeper-lease.ts";
import { askKeeper, serveKeeper } from "../../session/keeper-socket.ts";
import { machineFacts } from "../../session/owner.ts";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder } from "../../session/store.ts";
import { freshHome, surroundings } from "../session/support.ts";
import { glue, runs, startGlue, until } from "../support/glue.ts";
import { testNeeding } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";

async function openOn(home: Home, ...args: string[]): Promise<{ id: string; cwd: string }> {
  const cwd = realpathSync(tempDir());
  const { stdout } = await glue(home, ["session", "start", "-q", "-r", "host", ...args], { cwd });
  return { id: stdout.trim(), cwd };
}

const around = (home: Home) => surroundings(home, { facts: machineFacts(home.root), env: process.env });

test("a session with idle_minutes gets a keeper that answers on a private socket and leaves when the session is closed", async () => {
  const home = freshHome();
  const { id, cwd } = await openOn(home, "--set", "idle_minutes=5");
  const folder = sessionFolder(home, id);
  await until("the keeper lives", () => liveLease(folder, machineFacts(home.root)) !== undefined);
  const lease = readLease(folder);
  if (lease === undefined) throw new Error("no lease");
  expect(lstatSync(lease.socket).mode & 0o777).toBe(0o600);
  expect(await askKeeper(lease.socket, { do: "hello" }, 2_000)).toMatchObject({
    ok: true,
    session: id,
    pid: lease.pid,
  });
  expect(await askKeeper(lease.socket, { do: "dance" }, 2_000)).toMatchObject({ ok: false });
  // It holds neither the folder nor the terminal that it was started from.
  expect(
    Bun.spawnSync(["ps", "-o", "sid=", "-p", String(lease.pid)])
      .stdout.toString()
      .trim(),
  ).toBe(String(lease.pid));
  const second = await glue(home, ["__keep", id], { cwd });
  expect(second).toMatchObject({ code: 0, stderr: expect.stringContaining("not needed") });
  await glue(home, ["session", "close", id], { cwd });
  await until("the keeper has left", () => !runs(lease.pid));
  expect([existsSync(lease.socket), readLease(folder)]).toEqual([false, undefined]);
}, 120_000);

test("a session that needs no keeper gets none", async () => {
  const home = freshHome();
  const { id, cwd } = await openOn(home);
  await glue(home, ["exec", "--", "true"], { cwd });
  expect(existsSync(join(home.sessions, id, "keeper.log"))).toBe(false);
  await glue(home, ["session", "close", id], { cwd });
}, 120_000);

test("a keeper that was killed is replaced by the next command, and nothing else is lost", async () => {
  const home = freshHome();
  const { id, cwd } = await openOn(home, "--set", "idle_minutes=5");
  const folder = sessionFolder(home, id);
  const facts = machineFacts(home.root);
  await until("the keeper lives", () => liveLease(folder, facts) !== undefined);
  const first = liveLease(folder, facts);
  if (first === undefined) throw new Error("no lease");
  process.kill(first.pid, "SIGKILL");
  await until("it is dead", () => !runs(first.pid));
  expect(await glue(home, ["exec", "--", "echo", "still here"], { cwd })).toMatchObject({
    code: 0,
    stdout: "still here\n",
  });
  await until("another keeper lives", () => {
    const lease = liveLease(folder, facts);
    return lease !== undefined && lease.pid !== first.pid;
  });
  await glue(home, ["session", "close", id], { cwd });
}, 120_000);

test("an idle session is closed; commands, also ones that run long, count as use", async () => {
  const home = freshHome();
  const { id, cwd } = await openOn(home);
  const folder = sessionFolder(home, id);
  const kept = keepSession(around(home), id, new AbortController().signal, { renewMs: 50, idleMs: 700 });
  const long = startGlue(home, ["exec", "--", "sleep", "1.5"], { cwd });
  expect(await long.exited).toBe(0);
  expect(readMeta(folder).state).toBe("open");
  expect(await kept).toBe("idle");
  expect(readMeta(folder)).toMatchObject({ state: "closed", note: "it was idle" });
}, 120_000);

test("a wall clock that is set does not make a session idle", async () => {
  const home = freshHome();
  const { id, cwd } = await openOn(home);
  const controller = new AbortController();
  const surroundings = { ...around(home), now: () => Date.now() + 365 * 86_400_000 };
  const kept = keepSession(surroundings, id, controller.signal, { renewMs: 20, idleMs: 60_000 });
  await Bun.sleep(150);
  controller.abort();
  expect(await kept).toBe("asked");
  expect(readMeta(sessionFolder(home, id)).state).toBe("open");
  await glue(home, ["session", "close", id], { cwd });
}, 120_000);

test("a command that starts while the idle session is being closed is refused, not killed", async () => {
  const home = freshHome();
  const { id, cwd } = await openOn(home);
  const session = await attachSession(around(home), { id, cwd });
  const keeper = keepSession(around(home), id, new AbortController().signal, { renewMs: 10, idleMs: 30 });
  expect(await keeper).toBe("idle");
  await expect(session.run({ argv: ["true"] })).rejects.toMatchObject({ code: "sessionClosed" });
}, 120_000);

test("a keeper of a session that was removed leaves", async () => {
  const home = freshHome();
  const { id, cwd } = await openOn(home);
  const kept = keepSession(around(home), id, new AbortController().signal, { renewMs: 50 });
  await until("it lives", () => readLease(sessionFolder(home, id)) !== undefined);
  await glue(home, ["session", "rm", "--force", id], { cwd });
  expect(await kept).toBe("session over");
}, 120_000);

test("the socket of a session with a long path lies in a private folder, and is found through the lease", () => {
  const root = join(tempDir(), "x".repeat(120));
  mkdirSync(root);
  const home = openHome({ GLUE_HOME: root });
  const path = socketPath(sessionFolder(home, "abc-1"));
  expect(Buffer.byteLength(path)).toBeLessThan(104);
  expect(lstatSync(join(path, "..")).mode & 0o777).toBe(0o700);
});

test("the socket takes many requests on one connection, and none that never ends", async () => {
  const path = join(tempDir(), "socket");
  const served = serveKeeper(path, async ({ n }) => ({ twice: Number(n) * 2 }));
  const answers: string[] = [];
  const closed = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    unix: path,
    socket: { data: (_, bytes) => void answers.push(bytes.toString()), close: () => closed.resolve() },
  });
  socket.write('{"do":"double","n":1}\n{"do":"double","n":2}\nnot json\n');
  await until("three answers", () => answers.join("").split("\n").length === 4);
  const [one, two, three] = answers
    .join("")
    .split("\n")
    .map((line) => (line === "" ? undefined : JSON.parse(line)));
  expect([one, two, three]).toMatchObject([{ ok: true, twice: 2 }, { ok: true, twice: 4 }, { ok: false }]);
  const flood = new Uint8Array(64_000).fill(120);
  for (let sent = 0; sent < 3_000_000; sent += flood.length) {
    socket.write(flood);
    await Bun.sleep(0);
  }
  await closed.promise;
  served.stop();
  expect(existsSync(path)).toBe(false);
  await expect(askKeeper(path, { do: "hello" }, 500)).rejects.toMatchObject({ code: "runtimeUnreachable" });
});

testNeeding(
  ["linux"],
  "a keeper at rest takes no processor time and little memory",
  async () => {
    const home = freshHome();
    const { id, cwd } = await openOn(home, "--set", "idle_minutes=5");
    const folder = sessionFolder(home, id);
    await until("the keeper lives", () => liveLease(folder, machineFacts(home.root)) !== undefined);
    const pid = readLease(folder)?.pid;
    const ticks = () => {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      return Number(fields[11]) + Number(fields[12]);
    };
    // After its start the runtime collects its garbage once or twice; from then on it takes nothing.
    let window = 0;
    for (let before = ticks(); ; before = ticks()) {
      await Bun.sleep(5_000);
      if (ticks() === before) break;
      expect(++window).toBeLessThan(5);
    }
    const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_000;
    // From its source; the binary takes less.
    expect(rss).toBeLessThan(100);
    await glue(home, ["session", "close", id], { cwd });
  },
  45_000,
);

test("a torn lease is no lease", () => {
  const home = freshHome();
  const folder = sessionFolder(home, "abc-1");
  mkdirSync(folder.path);
  writeFileSync(join(folder.path, "keeper.json"), '{"pid": 1');
  expect(readLease(folder)).toBeUndefined();
});
