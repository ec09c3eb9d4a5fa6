import { agentSession } from "../support/mcp-agent.ts";
import { testWithDouble } from "./double.ts";
import { setUp } from "./glue.ts";

testWithDouble(
  "an agent works in a sprite of the double",
  async () => {
    const { double, repo, home, stop } = await setUp();
    try {
      const env = { GLUE_HOME: home, SPRITES_CLI: double.cli, ...double.env };
      await agentSession({ runtime: "sprites", cwd: repo, env });
    } finally {
      await stop();
    }
  },
  120_000,
);
