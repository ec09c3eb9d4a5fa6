// `bun scripts/bench-daytona.ts`: glue against the service's official client, both in one process each against the same double, in
// interleaved pairs. Prints a table; asserts nothing. `--latency MS` adds that to every request, for what a network costs; `--only WORDS` measures the
// entries that have these in their name.
import { parseArgs } from "node:util";
import { Daytona } from "@daytonaio/sdk";
import { startDoubleProcess } from "../test/daytona/double.ts";
import { openOn } from "../test/daytona/support.ts";

const { values } = parseArgs({
  options: {
    latency: { type: "string", default: "0" },
    pairs: { type: "string", default: "5" },
    only: { type: "string" },
  },
});
const double = await startDoubleProcess({ latencyMs: Number(values.latency) });
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
await ours(RANDOM);
await sandbox.process.executeCommand(RANDOM);
// A session that runs more than a few commands is what is measured, and both clients when they are warm.
for (let count = 0; count < 10; count += 1) {
  await ours("true");
  await sandbox.process.executeCommand("true");
  await Bun.sleep(200);
}
const LINES = `yes 'a line of text of about eighty letters, as a build or a test prints it again and again' | head -c ${100 * MB}`;

const ENTRIES: readonly [name: string, ours: () => Promise<unknown>, theirs: () => Promise<unknown>, pairs: number][] =
  [
    ["exec true / executeCommand", () => ours("true"), () => sandbox.process.executeCommand("true"), 50],
    ["exec true / session command with streams", () => ours("true"), () => theirs("true"), 3],
    ["100 MB of lines / session command", () => ours(LINES), () => theirs(LINES), 1],
    ["100 MB random / file download", () => ours("cat /tmp/random"), () => sandbox.fs.downloadFile("/tmp/random"), 3],
    [
      "start to first output / create and execute",
      async () => {
        const own = await openOn(double);
        const running = await own.executor.run({ argv: ["echo", "x"] });
        await running.stdout.getReader().read();
        void running.wait().then(() => own.close());
      },
      async () => {
        const own = await client.create({});
        await own.process.executeCommand("echo x");
        void own.delete();
      },
      Number(values.pairs),
    ],
  ];

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const rows: unknown[] = [];
for (const [entry, a, b, pairs] of ENTRIES) {
  if (values.only !== undefined && !entry.includes(values.only)) continue;
  const times = { ours: [] as number[], theirs: [] as number[] };
  for (let pair = 0; pair < pairs; pair += 1) {
    for (const [who, act] of pair % 2 === 0
      ? ([
          ["ours", a],
          ["theirs", b],
        ] as const)
      : ([
          ["theirs", b],
          ["ours", a],
        ] as const)) {
      const began = performance.now();
      await act();
      times[who].push(performance.now() - began);
    }
  }
  const [mine, other] = [median(times.ours), median(times.theirs)];
  rows.push({
    entry,
    "ours ms": mine.toFixed(1),
    "theirs ms": other.toFixed(1),
    ratio: (mine / other).toFixed(2),
    pairs,
  });
  console.error(rows.at(-1));
}
console.table(rows);
await session.close();
await double.stop();
process.exit(0);
