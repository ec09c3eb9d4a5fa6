import { describe } from "bun:test";
import { agentSession } from "../support/mcp-agent.ts";
import { inspectedSession } from "../support/mcp-inspector.ts";
import { missing, testUnless } from "../support/needs.ts";
import { smallProject } from "../support/small-project.ts";
import { shellSession } from "../support/typist.ts";
import { doubleProblem, ModalDouble, SDKS, type Sdk, testWithModal } from "./double.ts";
import { folder } from "./user.ts";

for (const sdk of process.env.GLUE_TEST_FULL ? SDKS : (["newest"] as const))
  describe(`with the SDK: ${sdk}`, () => tools(sdk));

function tools(sdk: Sdk): void {
  async function withPlace(use: (place: Parameters<typeof agentSession>[0]) => Promise<void>): Promise<void> {
    const double = await ModalDouble.start(sdk);
    try {
      const { home, env } = folder(double, sdk);
      await use({ runtime: "modal", env: { ...env, GLUE_HOME: home } });
    } finally {
      await double.stop();
    }
  }

  testWithModal(
    "an agent mends a project in a sandbox of the double, and its work is landed",
    () => withPlace(agentSession),
    300_000,
  );

  testUnless(
    doubleProblem ?? missing("mcp-inspector"),
    "the official inspector works with the tools in a sandbox of the double",
    () => withPlace((place) => inspectedSession({ ...place, cwd: smallProject() })),
    300_000,
  );

  testWithModal(
    "a shell in a sandbox of the double is a real terminal, and what is written there comes back",
    () => withPlace((place) => shellSession({ ...place, cwd: smallProject() })),
    300_000,
  );
}
