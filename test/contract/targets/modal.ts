import { doubleProblem, ModalDouble, pythonOf, SDKS, type Sdk } from "../../modal/double.ts";
import type { Need } from "../../support/needs.ts";
import type { ContractTarget } from "../target.ts";

const VERSIONS: Readonly<Record<Sdk, string>> = {
  newest: "modal 1.6.4",
  "newest, first kind": "modal 1.6.4 with MODAL_SANDBOX_V2=0",
  oldest: "modal 1.4.3",
};
const NEEDS: readonly Need[] = ["linux", "root", "modal-sdk"];

/** Modal's own SDK against the double; the newest through the whole suite, the others only where a version could differ. */
export const modal: readonly ContractTarget[] = SDKS.map((sdk) => ({
  id: `modal-double-${sdk.replaceAll(/[^a-z]+/g, "-")}`,
  runtime: "modal",
  label: `modal, a double of the service (${VERSIONS[sdk]})`,
  needs: NEEDS,
  depth: sdk === "newest" || process.env.GLUE_TEST_FULL ? "whole" : "basics",
  async start() {
    if (doubleProblem !== undefined) throw new Error(doubleProblem);
    const double = await ModalDouble.start(sdk);
    // The SDK finds its service there; the sidecar inherits this process's environment.
    delete process.env.MODAL_SANDBOX_V2;
    Object.assign(process.env, double.env(sdk));
    return {
      against: `the real SDK (${VERSIONS[sdk]}) on a double of the service`,
      set: { "modal.python_path": pythonOf(sdk) },
      env: double.env(sdk),
      mode: "copy",
      hostAddress: "127.0.0.1",
      unprivileged: { "modal.image": "example.test/with-user:1" },
      stop: () => double.stop(),
    };
  },
}));
