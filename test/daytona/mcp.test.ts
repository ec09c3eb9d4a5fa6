import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startDouble } from "../doubles/daytona/server.ts";
import { agentSession } from "../support/mcp-agent.ts";
import { tempDir } from "../support/temp-dir.ts";
import { testWithDouble } from "./double.ts";

testWithDouble(
  "an agent works in a sandbox of the double",
  async () => {
    const double = startDouble();
    try {
      const cwd = join(tempDir(), "work");
      mkdirSync(cwd);
      Bun.spawnSync(["git", "init", "-q"], { cwd });
      const env = {
        GLUE_HOME: join(tempDir(), "glue"),
        DAYTONA_API_KEY: double.apiKey,
        DAYTONA_API_BASE_URL: double.url,
      };
      await agentSession({ runtime: "daytona", cwd, env });
    } finally {
      await double.stop();
    }
  },
  120_000,
);
