/** The proof of the double: the service's official client works against it, unchanged. */
import { afterAll, beforeAll, expect } from "bun:test";
import { APIError, type Sprite, SpritesClient } from "@fly/sprites";
import { type Double, startDouble } from "../doubles/sprite/server.ts";
import { doubleProblem, testWithDouble } from "./double.ts";

let double: Double;
let client: SpritesClient;
let sprite: Sprite;

beforeAll(async () => {
  if (doubleProblem !== undefined) return;
  double = startDouble({ afterDisconnectMs: 300 });
  client = new SpritesClient(double.token, { baseURL: double.url });
  sprite = await client.createSprite("proof", { labels: ["purpose"] });
});

afterAll(async () => {
  await double?.stop();
});

testWithDouble("the client makes sprites, finds them over several pages, and deletes them", async () => {
  expect(sprite.status).toBe("running");
  expect((await client.getSprite("proof")).labels).toEqual(["purpose"]);
  await client.createSprite("proof-two");
  const first = await client.listSprites({ prefix: "proof", maxResults: 1 });
  expect(first.sprites.map(({ name }) => name)).toEqual(["proof"]);
  expect(first.hasMore).toBe(true);
  expect((await client.listAllSprites("proof")).map(({ name }) => name)).toEqual(["proof", "proof-two"]);
  await client.deleteSprite("proof-two");
  await expect(client.getSprite("proof-two")).rejects.toThrow("not found");
});

testWithDouble("a wrong token, a name that is taken and a full account are refused", async () => {
  const stranger = new SpritesClient("wrong", { baseURL: double.url });
  await expect(stranger.getSprite("proof")).rejects.toBeInstanceOf(APIError);
  await expect(client.createSprite("proof")).rejects.toThrow("exists");
  double.faults.add({ act: "capacity", times: 1 });
  await expect(client.createSprite("third")).rejects.toThrow("Maximum concurrent sprites");
});

testWithDouble("a command runs as the image's user, with its streams apart and its exit code", async () => {
  const script = 'echo "$(id -un) $PWD $A"; echo wrong >&2; exit 3';
  const failed = (await sprite
    .execFile("sh", ["-c", script], { env: { A: "1", PATH: "/usr/bin:/bin" }, cwd: "/var" })
    .catch((error: unknown) => error)) as {
    result: { stdout: string; stderr: string; exitCode: number };
  };
  expect(failed.result).toMatchObject({ stdout: "sprite /var 1\n", stderr: "wrong\n", exitCode: 3 });
  const { stdout } = await sprite.execFile("sh", ["-c", "sudo -n id -u; ls -d /home/sprite; echo $HOME"]);
  expect(stdout).toBe("0\n/home/sprite\n/home/sprite\n");
});

testWithDouble("input reaches the command to its end, and a megabyte comes back", async () => {
  const running = sprite.spawn("sh", ["-c", "sha256sum; head -c 1000000 /dev/zero"]);
  const got: Buffer[] = [];
  running.stdout.on("data", (bytes: Buffer) => got.push(bytes));
  await new Promise((resolve) => running.once("spawn", resolve));
  const bytes = Buffer.alloc(300_000, 7);
  running.stdin.end(bytes);
  expect(await running.wait()).toBe(0);
  await Bun.sleep(20);
  const all = Buffer.concat(got);
  expect(all.subarray(0, 64).toString()).toBe(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
  expect(all.length).toBe(64 + 4 + 1_000_000);
});

testWithDouble("a terminal has its size and answers what is typed", async () => {
  const running = sprite.spawn("sh", ["-c", "stty size; read -r line; echo got $line; exit 7"], {
    tty: true,
    rows: 20,
    cols: 90,
  });
  let shown = "";
  running.stdout.on("data", (bytes: Buffer) => {
    shown += bytes.toString();
  });
  let said: unknown;
  running.on("message", (message: { type: string }) => {
    if (message.type === "exit") said = message;
  });
  await new Promise((resolve) => running.once("spawn", resolve));
  running.stdin.write("words\n");
  for (let tries = 0; said === undefined && tries < 200; tries++) await Bun.sleep(20);
  expect(said).toMatchObject({ exit_code: 7 });
  expect(shown).toContain("20 90");
  expect(shown).toContain("got words");
});

testWithDouble("sessions are listed, attached to and killed; one whose client has gone ends later", async () => {
  const running = sprite.createSession("sh", ["-c", "echo begun; sleep 50"]);
  await new Promise((resolve) => running.once("spawn", resolve));
  const [session] = await sprite.listSessions();
  expect(session?.command).toContain("sleep 50");
  expect(session?.tty).toBe(true);
  const stream = await sprite.killSession(session?.id ?? "", "SIGKILL");
  while ((await stream.next()) !== null);
  expect(await sprite.listSessions()).toEqual([]);
  const left = sprite.spawn("sleep", ["50"]);
  await new Promise((resolve) => left.once("spawn", resolve));
  left.kill("SIGCONT");
  (left as unknown as { wsCmd: { close(): void } }).wsCmd.close();
  expect(await sprite.listSessions()).toHaveLength(1);
  for (let tries = 0; (await sprite.listSessions()).length > 0 && tries < 100; tries++) await Bun.sleep(30);
  expect(await sprite.listSessions()).toEqual([]);
});

testWithDouble(
  "files are written, read, listed, moved and removed byte for byte, by another user than commands",
  async () => {
    const files = sprite.filesystem("/home/sprite");
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) & 255));
    await files.writeFile("deep/random.bin", bytes, { mode: 0o600 });
    expect(Buffer.compare(Buffer.from(await files.readFile("deep/random.bin")), bytes)).toBe(0);
    expect((await files.stat("deep/random.bin")).size).toBe(bytes.length);
    expect((await sprite.execFile("stat", ["-c", "%U", "/home/sprite/deep/random.bin"])).stdout).toBe("ubuntu\n");
    await files.rename("deep/random.bin", "deep/moved.bin");
    expect(await files.readdir("deep")).toEqual(["moved.bin"]);
    await files.rm("deep", { recursive: true });
    expect(await files.exists("deep/moved.bin")).toBe(false);
  },
);

testWithDouble("a checkpoint is restored, and what ran is over", async () => {
  await sprite.execFile("sh", ["-c", "echo one >kept"]);
  const saving = await sprite.createCheckpoint("before");
  let last = "";
  for (let message = await saving.next(); message !== null; message = await saving.next())
    last = JSON.stringify(message);
  expect(last).toContain("v1");
  await sprite.execFile("sh", ["-c", "echo two >kept"]);
  const restoring = await sprite.restoreCheckpoint("v1");
  while ((await restoring.next()) !== null);
  expect((await sprite.execFile("cat", ["kept"])).stdout).toBe("one\n");
  expect((await sprite.listCheckpoints()).map(({ id }) => id)).toEqual(["v1"]);
});

testWithDouble("an exec without an exit frame is no success", async () => {
  double.faults.add({ act: "no-exit", times: 1 });
  const running = sprite.spawn("true");
  running.on("error", () => undefined);
  expect(await running.wait()).not.toBe(0);
});
