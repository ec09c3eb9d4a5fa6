import { agentSession } from "../support/mcp-agent.ts";
import { ModalDouble, testWithModal } from "./double.ts";
import { repository } from "./user.ts";

testWithModal(
  "an agent works in a sandbox of the double",
  async () => {
    const double = await ModalDouble.start();
    try {
      const { tree, home, env } = await repository(double);
      await agentSession({ runtime: "modal", cwd: tree, env: { ...env, GLUE_HOME: home } });
    } finally {
      await double.stop();
    }
  },
  120_000,
);
