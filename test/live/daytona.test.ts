/** The contract suite on a real account (`bun run test:live`): costs what a few sandboxes cost for some minutes, and leaves none. */
import { afterAll, describe } from "bun:test";
import { ControlPlane } from "../../runtimes/daytona/control-plane.ts";
import { removeSandbox } from "../../runtimes/daytona/lifecycle.ts";
import { Transport } from "../../runtimes/daytona/transport.ts";
import { Bench } from "../contract/bench.ts";
import { LEAN } from "../contract/suite/index.ts";
import { reach } from "../contract/suite/reach.ts";
import { theBinary } from "../contract/suite/the-binary.ts";
import type { ContractTarget } from "../contract/target.ts";
import { testUnless } from "../support/needs.ts";
import { notNamed } from "./named.ts";

const key = process.env.DAYTONA_API_KEY;
const base = process.env.DAYTONA_API_URL ?? "https://app.daytona.io/api";
/** On every sandbox of this run, so that whatever a failure left is found. */
const label = { "glue-test-run": crypto.randomUUID() };

const target: ContractTarget = {
  id: "daytona-live",
  runtime: "daytona",
  label: "daytona, the service itself",
  needs: [],
  async start() {
    return {
      against: "the service itself",
      set: {
        "daytona.labels": Object.entries(label)
          .map(([name, value]) => `${name}=${value}`)
          .join(","),
        "daytona.auto_stop_minutes": "15",
        "daytona.lifetime_minutes": "60",
      },
      env: { DAYTONA_API_KEY: key ?? "", DAYTONA_API_URL: base },
      mode: "copy",
      unprivileged: {},
      async stop() {
        const transport = new Transport(key ?? "");
        const control = new ControlPlane(transport, base);
        for (const { id } of await control.list(label)) await removeSandbox(control, id);
        await transport.close();
      },
    };
  },
};

const lacking = notNamed("daytona") ?? (key === undefined || key === "" ? "DAYTONA_API_KEY is not set" : undefined);
if (lacking !== undefined) {
  testUnless(lacking, "the contract on a real account", () => undefined);
} else {
  describe(target.label, () => {
    const bench = new Bench(target);
    // A sandbox of the service does not reach this machine; and the binary's own way is the same as on the double.
    for (const suite of LEAN) if (suite !== reach && suite !== theBinary) suite(bench);
    afterAll(() => bench.close());
  });
}
