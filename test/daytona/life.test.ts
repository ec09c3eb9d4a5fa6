/** A sandbox from its making to its end: what it is made with, when it is used, and what keeps it. */
import { expect } from "bun:test";
import type { Progress } from "../../runtimes/contract.ts";
import { ControlPlane } from "../../runtimes/daytona/control-plane.ts";
import { createRuntime } from "../../runtimes/daytona/index.ts";
import { setUp } from "../../runtimes/daytona/setup.ts";
import { Toolbox } from "../../runtimes/daytona/toolbox.ts";
import { Transport } from "../../runtimes/daytona/transport.ts";
import { type Double, type DoubleOptions, startDouble } from "../doubles/daytona/server.ts";
import { run } from "../support/session-run.ts";
import { slowWithDouble, testWithDouble } from "./double.ts";
import { contextFor, openOn, optionsFor } from "./support.ts";

async function withDouble(options: DoubleOptions, use: (double: Double) => Promise<void>): Promise<void> {
  const double = startDouble(options);
  try {
    await use(double);
  } finally {
    await double.stop();
  }
}

testWithDouble("at its start it is said when it stops and when it is deleted, and the service was told so", () =>
  withDouble({}, async (double) => {
    const said: string[] = [];
    const progress: Progress = ({ what }) => void said.push(what);
    const options = await optionsFor(double, { "daytona.auto_stop_minutes": "7", "daytona.lifetime_minutes": "2880" });
    const session = await createRuntime().open(options, { ...contextFor(), progress });
    expect(said[0]).toContain("stops after 7 idle minutes, deleted 2 days later");
    expect(double.sandboxes().map(({ intervals }) => intervals)).toMatchObject([{ autoStop: 7, autoDelete: 2_880 }]);
    await session.close();
  }),
);

for (const key of ["daytona.auto_stop_minutes", "daytona.lifetime_minutes"]) {
  testWithDouble(`${key}: 0, which is never or at once, is refused before anything is asked for`, async () => {
    const wrong = optionsFor({ url: "http://127.0.0.1:9/api", apiKey: "k" }, { [key]: "0" });
    await expect(wrong).rejects.toMatchObject({ code: "optionInvalid", message: expect.stringContaining(key) });
  });
}

testWithDouble("one that is said to be started before it answers is waited for, by looking at its state", () =>
  withDouble({}, async (double) => {
    double.faults.add({ on: /process\/execute$/, act: 502, times: 3 });
    double.faults.add({ on: /process\/execute$/, act: 404, skip: 3, times: 1 });
    const session = await openOn(double);
    expect((await run(session, { argv: ["echo", "up"] })).out).toBe("up\n");
    const executes = double.requests.flatMap((request, at) => (request.endsWith("/process/execute") ? [at] : []));
    // The first is made on the chance that it is up.
    const between = double.requests.slice(executes[1]).slice(0, 6);
    expect(between.filter((request) => request.startsWith("GET /api/sandbox/"))).toHaveLength(3);
    await session.close();
  }),
);

testWithDouble(
  "one that is up when its create is answered is entered with the next request, whatever its state was",
  () =>
    withDouble({ createWaits: true }, async (double) => {
      const session = await openOn(double);
      expect(double.requests.map((request) => request.replace(/toolbox\/[^/]+/, "toolbox"))).toEqual([
        "POST /api/sandbox",
        "POST /toolbox/process/execute",
      ]);
      expect((await run(session, { argv: ["echo", "up"] })).out).toBe("up\n");
      await session.close();
    }),
);

for (const act of [401, 500, "lose"] as const) {
  testWithDouble(`one whose entering is answered with ${act} is asked how it is, and entered again`, () =>
    withDouble({ createWaits: true }, async (double) => {
      double.faults.add({ on: /process\/execute$/, act, times: 1 });
      const session = await openOn(double);
      expect((await run(session, { argv: ["echo", "up"] })).out).toBe("up\n");
      await session.close();
    }),
  );
}

testWithDouble(
  "a set-up that comes late, or twice, leaves the tree of the session alone; what was there before it is removed",
  () =>
    withDouble({}, async (double) => {
      const session = await openOn(double);
      const { id = "", name, data } = session.handle;
      const transport = new Transport(double.apiKey);
      const control = new ControlPlane(transport, double.url);
      const again = async (id: string) => {
        const toolbox = new Toolbox(transport, control, { id, name, url: data.url ?? "" }, () => undefined);
        await Promise.all([1, 2].map(() => setUp(toolbox, { fresh: true, signal: undefined })));
        return (await run(session, "ls /workspace")).out;
      };
      await session.workspace.write("mine", new TextEncoder().encode("mine"));
      expect(await again(id)).toBe("mine\n");
      // As in a snapshot of that sandbox.
      expect(await again("another")).toBe("");
      await transport.close();
      await session.close();
    }),
);

testWithDouble("the address of a sandbox is asked for where its record does not say it, unless an option does", () =>
  withDouble({ hidesToolbox: true }, async (double) => {
    const asked = () => double.requests.filter((request) => request.endsWith("/toolbox-proxy-url")).length;
    for (const [set, times] of [
      [{}, 1],
      [{ "daytona.toolbox_base_url": double.url.replace(/api$/, "toolbox/") }, 0],
    ] as const) {
      const before = asked();
      const session = await openOn(double, set);
      expect((await run(session, { argv: ["echo", "up"] })).out).toBe("up\n");
      expect(asked() - before).toBe(times);
      await session.close();
    }
  }),
);

testWithDouble("requests go to the address that the service gives for the sandbox", () =>
  withDouble({}, async (double) => {
    const session = await openOn(double);
    const [sandbox] = double.sandboxes();
    await run(session, { argv: ["true"] });
    const others = double.requests.filter(
      (request) => !request.startsWith("POST /api/") && !request.startsWith("GET /api/"),
    );
    expect(others.length).toBeGreaterThan(1);
    for (const request of others) expect(request).toContain(` /toolbox/${sandbox?.id}/`);
    await session.close();
  }),
);

slowWithDouble("while it is held it is not stopped, whatever it is asked; let go of, it is", () =>
  withDouble({ minuteMs: 300 }, async (double) => {
    const session = await openOn(double, { "daytona.auto_stop_minutes": "5" });
    const state = () => double.find(session.handle.name)?.state;
    for (let count = 0; count < 10; count += 1) {
      await Bun.sleep(400);
      await session.renew?.();
    }
    expect(state()).toBe("started");
    await session.detach();
    for (let waited = 0; state() !== "stopped" && waited < 10_000; waited += 50) await Bun.sleep(50);
    expect(state()).toBe("stopped");
  }),
);

testWithDouble("lists are understood as they came before they had pages, too", async () => {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => Response.json([{ id: "a", state: "new" }]) });
  const transport = new Transport("key");
  const control = new ControlPlane(transport, `http://127.0.0.1:${server.port}/api`);
  expect(await control.list({})).toEqual([{ id: "a", state: "new" }]);
  await transport.close();
  await server.stop(true);
});

testWithDouble("too many requests: the next waits as long as the longest of the answer's headers says", () =>
  withDouble({}, async (double) => {
    const session = await openOn(double);
    const headers = { "Retry-After-authenticated": "1", "Retry-After-sandbox-lifecycle": "2" };
    double.faults.add({ on: /process\/execute$/, act: 429, times: 1, headers });
    const began = performance.now();
    expect((await run(session, { argv: ["echo", "x"] })).out).toBe("x\n");
    expect(performance.now() - began).toBeGreaterThan(1_990);
    await session.close();
  }),
);
