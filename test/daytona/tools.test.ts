import { join } from "node:path";
import { startDouble } from "../doubles/daytona/server.ts";
import { agentSession } from "../support/mcp-agent.ts";
import { inspectedSession } from "../support/mcp-inspector.ts";
import { missing, testUnless } from "../support/needs.ts";
import { smallProject } from "../support/small-project.ts";
import { tempDir } from "../support/temp-dir.ts";
import { shellSession } from "../support/typist.ts";
import { doubleProblem, testWithDouble } from "./double.ts";

async function withPlace(use: (place: Parameters<typeof agentSession>[0]) => Promise<void>): Promise<void> {
  const double = startDouble();
  try {
    const env = {
      GLUE_HOME: join(tempDir(), "glue"),
      DAYTONA_API_KEY: double.apiKey,
      DAYTONA_API_BASE_URL: double.url,
    };
    await use({ runtime: "daytona", env });
  } finally {
    await double.stop();
  }
}

testWithDouble(
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

testWithDouble(
  "a shell in a sandbox of the double is a real terminal, and what is written there comes back",
  () => withPlace((place) => shellSession({ ...place, cwd: smallProject() })),
  300_000,
);
