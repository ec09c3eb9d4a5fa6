/** What a user asks for, as it arrives at the service. */
import { expect } from "bun:test";
import { isGlueError } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/modal/index.ts";
import { type Sdk, testWithModal } from "./double.ts";
import { withDouble, withEachSdk } from "./each-sdk.ts";
import { contextFor, openOn, optionsFor, run } from "./open.ts";

withEachSdk(options, ["newest", "oldest"]);

function options(sdk: Sdk): void {
  testWithModal(
    "without options: the App glue, Modal's Debian with Python 3.12 and git, and an end after 30 minutes",
    () =>
      withDouble(sdk, async (double) => {
        const before = Date.now();
        const session = await openOn(double, {}, "process", sdk);
        const { sandboxes, images } = await double.state();
        expect(sandboxes.map(({ app, asked }) => [app, asked.timeout_secs])).toEqual([["glue", 1800]]);
        // Whatever Python this machine has.
        expect(images.find((line) => line.startsWith("FROM"))).toStartWith("FROM python:3.12");
        expect(images).toContain("RUN apt-get install -y git");
        const deadline = session.deadline?.getTime() ?? 0;
        expect(deadline).toBeGreaterThanOrEqual(before + 1_800_000);
        expect(deadline).toBeLessThanOrEqual(Date.now() + 1_800_000);
        await session.close();
      }),
  );

  testWithModal("every option arrives as it was asked for", () =>
    withDouble(sdk, async (double) => {
      await double.secret("mine", { MINE: "of the secret" });
      const set = {
        "modal.app_name": "other",
        "modal.sandbox_timeout_seconds": "77",
        "modal.cpu": "1.5",
        "modal.memory": "512",
        "modal.gpu": "A100-80GB:2",
        "modal.region": "us-east",
        "modal.secrets": "mine",
      };
      const allow = { "modal.outbound_cidr_allowlist": "203.0.113.0/24,2001:db8::/32" };
      const session = await openOn(double, { ...set, ...allow }, "process", sdk);
      expect((await run(session, { argv: ["printenv", "MINE"] })).stdout.toString()).toBe("of the secret\n");
      await session.close();
      const blocked = await openOn(double, { "modal.block_network": "true" }, "process", sdk);
      await blocked.close();
      const [first, second] = (await double.state()).sandboxes;
      expect(first).toMatchObject({
        app: "other",
        asked: {
          timeout_secs: 77,
          resources: { milli_cpu: 1500, memory_mb: 512, gpu_config: { gpu_type: "A100-80GB", count: 2 } },
          scheduler_placement: { regions: ["us-east"] },
          network_access: { network_access_type: "ALLOWLIST", allowed_cidrs: ["203.0.113.0/24", "2001:db8::/32"] },
        },
      });
      expect(second?.asked).toMatchObject({ network_access: { network_access_type: "BLOCKED" } });
    }),
  );

  testWithModal("what Modal would refuse is refused before the App is made", () =>
    withDouble(sdk, async (double) => {
      const opening = createRuntime().open(await optionsFor(double, { "modal.gpu": "T4:many" }, sdk), contextFor());
      const error: unknown = await opening.then(
        () => undefined,
        (why: unknown) => why,
      );
      expect(isGlueError(error, "optionInvalid")).toBe(true);
      expect((await double.state()).calls).toEqual({});
    }),
  );
}
