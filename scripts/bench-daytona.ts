// `bun scripts/bench-daytona.ts`: glue against the service's official client, both in one process, each as one client that is warm, against the
// same double, in interleaved pairs. A row's ratio is the median of its pairs' ratios, glue's time by the client's, so that a busy machine
// slows both. Prints a table; asserts nothing. `--latency MS` adds that to every request, for what a network costs; `--create-waits` lets a
// create be answered when the sandbox is up; `--only WORDS` measures the rows that have these in their name; `--pairs N` measures so many pairs
// of each.
import { parseArgs } from "node:util";
import { Daytona } from "@daytonaio/sdk";
import { startDoubleProcess } from "../test/daytona/double.ts";
import { openOn } from "../test/daytona/support.ts";

const { values } = parseArgs({
  options: {
    latency: { type: "string", default: "0" },
    "create-waits": { type: "boolean", default: false },
    pairs: { type: "string" },
    only: { type: "string" },
  },
});
const double = await startDoubleProcess({ latencyMs: Number(values.latency), createWaits: values["create-waits"] });
const client = new Daytona({ apiKey: double.apiKey, apiUrl: double.url, target: "us", useDeprecatedPolling: true });
const session = await openOn(double);
const sandbox = await client.create({});
const MB = 1_000_000;

async function ours(script: string): Promise<number> {
  const running = await session.executor.run({ script });
  let bytes = 0;
  for await (const chunk of running.stdout) bytes += chunk.length;
  await running.wait();
  return bytes;
}

/** The client's only call that streams and keeps the outputs apart. */
async function theirs(command: string): Promise<number> {
  const id = crypto.randomUUID();
  await sandbox.process.createSession(id);
  const { cmdId } = await sandbox.process.executeSessionCommand(id, { command, runAsync: true });
  let bytes = 0;
  const count = (text: string) => {
    bytes += text.length;
  };
  await sandbox.process.getSessionCommandLogs(id, cmdId, count, count);
  await sandbox.process.deleteSession(id);
  return bytes;
}

const RANDOM = `head -c ${100 * MB} /dev/urandom >/tmp/random`;
const LINES = `yes 'a line of text of about eighty letters, as a build or a test prints it again and again' | head -c ${100 * MB}`;
/** What was opened for one pair, to be closed when its time has been taken. */
const opened: (() => Promise<unknown>)[] = [];

interface Entry {
  readonly name: string;
  readonly reach: number;
  readonly pairs: number;
  readonly ours: () => Promise<unknown>;
  readonly theirs: () => Promise<unknown>;
}

const ENTRIES: readonly Entry[] = [
  {
    name: "exec true / executeCommand",
    ...{ reach: 1, pairs: 50 },
    ours: () => ours("true"),
    theirs: () => sandbox.process.executeCommand("true"),
  },
  {
    name: "exec true / session command with streams",
    ...{ reach: 1, pairs: 3 },
    ours: () => ours("true"),
    theirs: () => theirs("true"),
  },
  {
    name: "100 MB of lines / executeCommand, as one text",
    ...{ reach: 1, pairs: 5 },
    ours: () => ours(LINES),
    theirs: () => sandbox.process.executeCommand(LINES),
  },
  {
    name: "100 MB of lines / session command with streams",
    ...{ reach: 1, pairs: 1 },
    ours: () => ours(LINES),
    theirs: () => theirs(LINES),
  },
  {
    name: "100 MB of random bytes / file download",
    ...{ reach: 1.5, pairs: 5 },
    ours: () => ours("cat /tmp/random"),
    theirs: () => sandbox.fs.downloadFile("/tmp/random"),
  },
  {
    name: "start to first output / create and executeCommand",
    ...{ reach: 1.1, pairs: 15 },
    ours: async () => {
      const own = await openOn(double);
      const running = await own.executor.run({ argv: ["echo", "x"] });
      await running.stdout.getReader().read();
      opened.push(() => running.wait().then(() => own.close()));
    },
    theirs: async () => {
      const own = await client.create({});
      await own.process.executeCommand("echo x");
      opened.push(() => own.delete());
    },
  },
];

async function timed(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await act();
  const ms = performance.now() - began;
  // What one side leaves to be done must not fall into the other's time.
  for (const close of opened.splice(0)) await close();
  return ms;
}

const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

await ours(RANDOM);
await sandbox.process.executeCommand(RANDOM);
// A session that runs more than a few commands is what is measured.
for (let count = 0; count < 10; count += 1) {
  await ours("true");
  await sandbox.process.executeCommand("true");
  await Bun.sleep(100);
}
const rows: unknown[] = [];
for (const { name, reach, ...entry } of ENTRIES) {
  if (values.only !== undefined && !name.includes(values.only)) continue;
  const pairs = values.pairs === undefined ? entry.pairs : Number(values.pairs);
  // Both once where that takes no minute, so that neither is first.
  if (pairs > 1) for (const act of [entry.ours, entry.theirs]) await timed(act);
  const times: { readonly ours: number; readonly theirs: number }[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const first = await timed(pair % 2 === 0 ? entry.ours : entry.theirs);
    const second = await timed(pair % 2 === 0 ? entry.theirs : entry.ours);
    times.push(pair % 2 === 0 ? { ours: first, theirs: second } : { ours: second, theirs: first });
  }
  const ratio = median(times.map((pair) => pair.ours / pair.theirs));
  rows.push({
    entry: name,
    ratio: ratio.toFixed(2),
    reach: `≤ ${reach}`,
    reached: ratio <= reach ? "yes" : "no",
    "ours ms": median(times.map((pair) => pair.ours)).toFixed(1),
    "theirs ms": median(times.map((pair) => pair.theirs)).toFixed(1),
    pairs,
  });
  console.error(`${name}: ${ratio.toFixed(2)}`);
}
console.table(rows);
await session.close();
await sandbox.delete();
await double.stop();
process.exit(0);
