/** The double's CLI is as strict as the real one is known to be: what it would not take, glue must not get away with. */
import { afterAll, beforeAll, expect } from "bun:test";
import { type Double, startDouble } from "../doubles/sprite/server.ts";
import { doubleProblem, testWithDouble } from "./double.ts";

let double: Double;

beforeAll(async () => {
  if (doubleProblem !== undefined) return;
  double = startDouble({ afterDisconnectMs: 300 });
  expect((await sprite("create", "--skip-console", "box")).code).toBe(0);
});

afterAll(async () => {
  await double?.stop();
});

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function sprite(...words: string[]): Promise<Said> {
  return await spriteWith({}, ...words);
}

async function spriteWith(env: Record<string, string>, ...words: string[]): Promise<Said> {
  const child = Bun.spawn([double.cli, ...words], {
    env: { PATH: process.env.PATH ?? "", ...double.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, stdout, stderr };
}

const refused: readonly [title: string, words: readonly string[], code: number, said: RegExp][] = [
  [
    "a flag of the command's where -- is missing",
    ["-s", "box", "exec", "sh", "-c", "true"],
    1,
    /unknown shorthand flag: 'c' in -c/,
  ],
  ["a flag that it does not know", ["-s", "box", "exec", "--timeout", "5", "--", "true"], 1, /unknown flag: --timeout/],
  ["list as JSON", ["list", "--json"], 1, /unknown flag: --json/],
  ["a command that it does not know", ["auth", "status"], 2, /unknown command "auth"/],
  ["create without --skip-console", ["create", "other"], 1, /--skip-console/],
  ["a name that is taken", ["create", "--skip-console", "box"], 1, /^Error creating sprite: .*already exists/],
  ["a name that the service does not take", ["create", "--skip-console", "Not_A_Name"], 1, /^Error creating sprite: /],
  ["destroy without --force and a terminal", ["destroy", "box"], 1, /--force/],
  ["destroy of one that is not there", ["destroy", "nobody", "--force"], 1, /^Error: Failed to destroy sprite: /],
  [
    "exec in one that is not there",
    ["-s", "nobody", "exec", "--", "true"],
    1,
    /^Error: failed to start sprite command: sprite not found/,
  ],
  ["exec without a name", ["exec", "--", "true"], 1, /^Error: sprite name required: use -s flag/],
  ["api without a path", ["api"], 1, /api requires a path argument/],
  [
    "a request line of more than 64 KB",
    ["-s", "box", "exec", "--", "true", "x".repeat(70_000)],
    1,
    /bad handshake \(HTTP 414\)/,
  ],
];
for (const [title, words, code, said] of refused) {
  testWithDouble(`refused: ${title}`, async () => {
    const ran = await sprite(...words);
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([code, "", expect.stringMatching(said)]);
    expect(double.sprites().map(({ name }) => name)).toEqual(["box"]);
  });
}

testWithDouble("without a login nothing works but --version and help", async () => {
  const nobody = { FAKE_SPRITE_STATE: "" };
  for (const words of [
    ["list"],
    ["create", "--skip-console", "x"],
    ["-s", "box", "exec", "--", "true"],
    ["api", "/sprites"],
  ]) {
    const ran = await spriteWith(nobody, ...words);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining("no organizations configured")]);
  }
  expect(await spriteWith(nobody, "--version")).toMatchObject({ code: 0, stdout: "sprite version 2026-09-02\n" });
});

testWithDouble("a piped list is one bare name a line, and an empty one is empty", async () => {
  expect(await sprite("list")).toEqual({ code: 0, stdout: "box\n", stderr: "" });
  expect(await sprite("ls", "--prefix", "none-")).toEqual({ code: 0, stdout: "", stderr: "" });
});

testWithDouble("exec passes on streams, environment, folder and exit code, and splits --env at commas", async () => {
  const script = 'echo "$A|$B|$PWD"; echo wrong >&2; exit 7';
  const ran = await sprite("-s", "box", "exec", "--dir", "/var", "--env", "A=1,B=2", "--", "sh", "-c", script);
  expect(ran).toEqual({ code: 7, stdout: "1|2|/var\n", stderr: "wrong\n" });
});

testWithDouble("api is curl: 404 ends with 0, and with 22 only where -f says so", async () => {
  const status = await sprite("api", "/v1/sprites/nobody", "--", "-sS", "-w", "\n%{http_code}");
  expect([status.code, status.stdout.split("\n").at(-1)]).toEqual([0, "404"]);
  expect((await sprite("api", "/v1/sprites/nobody", "--", "-sS", "-f")).code).toBe(22);
  expect((await sprite("-s", "box", "api", "/exec", "--", "-sS")).stdout).toBe('{"sessions":[]}');
});

testWithDouble(
  "the end of the CLI is not the command's: that goes on for a while, is listed, and can be killed",
  async () => {
    const start = () =>
      Bun.spawn([double.cli, "-s", "box", "exec", "--", "sh", "-c", "echo up; exec sleep 57"], {
        env: { PATH: process.env.PATH ?? "", ...double.env },
        stdio: ["ignore", "pipe", "ignore"],
      });
    const list = async () => (await sprite("-s", "box", "sessions", "list")).stdout;
    const left = start();
    await left.stdout.getReader().read();
    left.kill("SIGTERM");
    expect(await left.exited).toBe(130);
    expect(await list()).toContain("sleep 57");
    for (let tries = 0; (await list()) !== "" && tries < 50; tries++) await Bun.sleep(50);
    expect(await list()).toBe("");
    const killed = start();
    await killed.stdout.getReader().read();
    const [id = ""] = (await list()).split(" ");
    expect((await sprite("-s", "box", "sessions", "kill", id)).code).toBe(0);
    expect(await killed.exited).toBe(137);
    expect(await sprite("-s", "box", "sessions", "kill", "99")).toMatchObject({
      code: 1,
      stderr: "Error: session 99 not found\n",
    });
  },
);
