/** The proof of the double: the service's official client works against it, unchanged. */
import { afterAll, beforeAll, expect } from "bun:test";
import { Daytona, DaytonaNotFoundError, type Sandbox } from "@daytonaio/sdk";
import { type Double, startDouble } from "../doubles/daytona/server.ts";
import { doubleProblem, testWithDouble } from "./double.ts";

let double: Double;
let client: Daytona;
let sandbox: Sandbox;

beforeAll(async () => {
  if (doubleProblem !== undefined) return;
  double = startDouble();
  client = new Daytona({ apiKey: double.apiKey, apiUrl: double.url, target: "us", useDeprecatedPolling: true });
  sandbox = await client.create({
    labels: { purpose: "proof" },
    envVars: { FROM_CREATE: "yes" },
    autoStopInterval: 60,
  });
});

afterAll(async () => {
  await double?.stop();
});

testWithDouble("the client creates a sandbox and finds it by id and by label", async () => {
  expect(sandbox.state).toBe("started");
  expect(sandbox.autoStopInterval).toBe(60);
  expect((await client.get(sandbox.id)).id).toBe(sandbox.id);
  const found: string[] = [];
  for await (const item of client.list({ labels: { purpose: "proof" } })) found.push(item.id);
  expect(found).toEqual([sandbox.id]);
});

testWithDouble("a wrong key is refused", async () => {
  const stranger = new Daytona({ apiKey: "dtn_wrong", apiUrl: double.url, target: "us", useDeprecatedPolling: true });
  await expect(stranger.get(sandbox.id)).rejects.toThrow(/[Cc]redentials/);
});

testWithDouble("execute merges the streams, sets folder and variables, and tells the exit code", async () => {
  const answer = await sandbox.process.executeCommand(
    'echo "$A $FROM_CREATE $PWD"; echo wrong >&2; exit 3',
    "/tmp",
    { A: "1" },
    10,
  );
  expect(answer).toMatchObject({ exitCode: 3, result: "1 yes /tmp\nwrong\n" });
});

testWithDouble("execute ends a command at its timeout", async () => {
  const began = performance.now();
  await expect(sandbox.process.executeCommand("sleep 30", undefined, undefined, 1)).rejects.toThrow("timeout");
  expect(performance.now() - began).toBeLessThan(20_000);
});

testWithDouble("a session keeps its state, its streams apart, and is streamed while it runs", async () => {
  const { process } = sandbox;
  await process.createSession("proof");
  await process.executeSessionCommand("proof", { command: "cd /tmp && export KEPT=1" });
  const sync = await process.executeSessionCommand("proof", { command: 'echo "$KEPT $PWD"; echo wrong >&2; (exit 4)' });
  expect(sync).toMatchObject({ exitCode: 4, stdout: "1 /tmp\n", stderr: "wrong\n" });
  const { cmdId } = await process.executeSessionCommand("proof", {
    command: "echo one; sleep 0.5; echo two; echo wrong >&2",
    runAsync: true,
  });
  const arrived: { text: string; at: number }[] = [];
  let stderr = "";
  await process.getSessionCommandLogs(
    "proof",
    cmdId,
    (text) => void arrived.push({ text, at: performance.now() }),
    (text) => {
      stderr += text;
    },
  );
  expect(arrived.map(({ text }) => text).join("")).toBe("one\ntwo\n");
  expect((arrived.at(-1)?.at ?? 0) - (arrived[0]?.at ?? 0)).toBeGreaterThan(300);
  expect(stderr).toBe("wrong\n");
  expect((await process.getSessionCommand("proof", cmdId)).exitCode).toBe(0);
  expect((await process.getSession("proof")).commands).toHaveLength(3);
});

testWithDouble("a session takes input, and deleting it ends what runs in it", async () => {
  const { process } = sandbox;
  await process.createSession("input");
  const { cmdId } = await process.executeSessionCommand("input", {
    command: "read -r line; echo got $line; sleep 100",
    runAsync: true,
  });
  await Bun.sleep(200);
  await process.sendSessionCommandInput("input", cmdId, "words");
  await Bun.sleep(300);
  expect((await process.getSessionCommandLogs("input", cmdId)).stdout).toBe("got words\n");
  expect((await process.getSessionCommand("input", cmdId)).exitCode).toBeUndefined();
  await process.deleteSession("input");
  await expect(process.getSession("input")).rejects.toBeInstanceOf(DaytonaNotFoundError);
});

testWithDouble("a top-level exit takes the session's shell away and its code is never told", async () => {
  const { process } = sandbox;
  await process.createSession("dying");
  const { cmdId } = await process.executeSessionCommand("dying", { command: "exit 3", runAsync: true });
  await Bun.sleep(300);
  expect((await process.getSessionCommand("dying", cmdId)).exitCode).toBeUndefined();
  await expect(process.executeSessionCommand("dying", { command: "true" })).rejects.toThrow("failed to write command");
});

testWithDouble("files are uploaded, listed, moved, downloaded and removed byte for byte", async () => {
  const { fs } = sandbox;
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) & 255));
  await fs.createFolder("/tmp/files", "755");
  await fs.uploadFile(bytes, "/tmp/files/deep/random.bin");
  expect(Buffer.compare(await fs.downloadFile("/tmp/files/deep/random.bin"), bytes)).toBe(0);
  expect((await fs.listFiles("/tmp/files/deep")).map(({ name, size }) => ({ name, size }))).toEqual([
    { name: "random.bin", size: bytes.length },
  ]);
  await fs.moveFiles("/tmp/files/deep/random.bin", "/tmp/files/moved.bin");
  expect((await fs.getFileDetails("/tmp/files/moved.bin")).size).toBe(bytes.length);
  await fs.deleteFile("/tmp/files/moved.bin");
  await expect(fs.getFileDetails("/tmp/files/moved.bin")).rejects.toThrow();
});

testWithDouble("a terminal answers what is typed and tells how it ended", async () => {
  let shown = "";
  await sandbox.process.createSession("unused");
  const made = await fetch(`${double.url.replace("/api", "/toolbox")}/${sandbox.id}/process/pty`, {
    method: "POST",
    headers: { authorization: `Bearer ${double.apiKey}` },
    body: JSON.stringify({ id: "term", cols: 90, rows: 20 }),
  });
  expect(made.status).toBe(201);
  const pty = await sandbox.process.connectPty("term", {
    onData: (data) => {
      shown += new TextDecoder().decode(data);
    },
  });
  await pty.waitForConnection();
  await pty.sendInput("stty size; exit 7\n");
  expect((await pty.wait()).exitCode).toBe(7);
  expect(shown).toContain("20 90");
});

testWithDouble("a stopped sandbox keeps its files, and a deleted one is gone", async () => {
  const other = await client.create({ labels: { purpose: "stop" } });
  await other.fs.uploadFile(Buffer.from("kept"), "/home/daytona/kept.txt");
  await other.stop();
  expect(other.state).toBe("stopped");
  await expect(other.process.executeCommand("true")).rejects.toThrow("Is the Sandbox started?");
  await other.start();
  expect((await other.fs.downloadFile("/home/daytona/kept.txt")).toString()).toBe("kept");
  await other.delete();
  await Bun.sleep(300);
  await expect(client.get(other.id)).rejects.toBeInstanceOf(DaytonaNotFoundError);
});
