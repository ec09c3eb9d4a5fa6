/** A service that does not answer for a minute, by a clock of the test's own. */
import { expect } from "bun:test";
import { ControlPlane } from "../../runtimes/daytona/control-plane.ts";
import { Toolbox } from "../../runtimes/daytona/toolbox.ts";
import { Transport } from "../../runtimes/daytona/transport.ts";
import { startDouble } from "../doubles/daytona/server.ts";
import { failureOf } from "../support/session-run.ts";
import { testWithDouble } from "./double.ts";
import { openOn } from "./support.ts";

/** A toolbox of a running sandbox, whose proxy fails until `forMs` have passed by the toolbox's clock. */
async function stalledFor(
  forMs: number,
  use: (toolbox: Toolbox, passed: () => number) => Promise<void>,
): Promise<void> {
  const double = startDouble();
  try {
    const session = await openOn(double);
    const { id = "", name, data } = session.handle;
    const transport = new Transport(double.apiKey);
    let now = 0;
    const clock = {
      now: () => now,
      async sleep(ms: number) {
        now += ms;
        if (now >= forMs) double.faults.clear();
      },
    };
    const facts = { id, name, url: data.url ?? "" };
    const toolbox = new Toolbox(transport, new ControlPlane(transport, double.url), facts, () => undefined, clock);
    double.faults.add({ on: /\/toolbox\//, act: 503 });
    await use(toolbox, () => now);
    double.faults.clear();
    await transport.close();
    await session.close();
  } finally {
    await double.stop();
  }
}

const SCRIPT = "echo ':glue:'\necho whole\necho ':end:'\n";

testWithDouble("a stall of 55 seconds costs nothing but the time", () =>
  stalledFor(55_000, async (toolbox, passed) => {
    expect((await toolbox.execute(SCRIPT, { seconds: 10 })).trim()).toBe("whole");
    expect(passed()).toBeWithin(55_000, 60_000);
  }),
);

testWithDouble("after a stall of minutes nobody waits any more, and the sandbox is not taken for gone", () =>
  stalledFor(300_000, async (toolbox, passed) => {
    expect((await failureOf(toolbox.execute(SCRIPT, { seconds: 10 }))).code).toBe("runtimeUnreachable");
    expect(passed()).toBeWithin(60_000, 65_000);
  }),
);
