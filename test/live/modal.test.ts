/**
 * The contract suite on a real account (`bun run test:live modal`), with the token of MODAL_TOKEN_ID and MODAL_TOKEN_SECRET or of ~/.modal.toml:
 * costs what a few sandboxes cost for some minutes, and leaves none.
 */
import { afterAll, describe } from "bun:test";
import { createRuntime } from "../../runtimes/modal/index.ts";
import { resolveOptions } from "../../spec/resolve.ts";
import { Bench } from "../contract/bench.ts";
import { LEAN } from "../contract/suite/index.ts";
import { reach } from "../contract/suite/reach.ts";
import { theBinary } from "../contract/suite/the-binary.ts";
import type { ContractTarget } from "../contract/target.ts";
import { modalPython, testUnless } from "../support/needs.ts";
import { notNamed } from "./named.ts";

/** Of this run alone, so that whatever a failure left is found. */
const set = {
  "modal.app_name": `glue-test-${crypto.randomUUID().slice(0, 8)}`,
  "modal.python_path": process.env.MODAL_PYTHON || modalPython(),
  "modal.sandbox_timeout_seconds": "1800",
};
const { options } = await resolveOptions({
  flags: { runtime: "modal", ...set },
  env: {},
  configPath: "no-such-config.yaml",
});
const runtime = createRuntime();

const target: ContractTarget = {
  id: "modal-live",
  runtime: "modal",
  label: "modal, the service itself",
  needs: [],
  everybodyIsRoot: true,
  async start() {
    return {
      against: "the service itself",
      set,
      env: {},
      mode: "copy",
      async stop() {
        for (const { handle } of await runtime.listOwned(options)) await runtime.release(handle, options);
      },
    };
  },
};

async function problem(): Promise<string | undefined> {
  const other = notNamed("modal");
  if (other !== undefined) return other;
  const missing = (await runtime.diagnose(options)).find(({ status }) => status === "missing");
  return missing === undefined ? undefined : `${missing.name}: ${missing.detail}`;
}

// Only where it is asked for: what is not ready takes time to say so.
const lacking = process.env.GLUE_TEST_LIVE ? await problem() : "GLUE_TEST_LIVE is not set";
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
