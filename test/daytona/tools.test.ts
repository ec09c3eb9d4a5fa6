import { join } from "node:path";
import { startDouble } from "../doubles/daytona/server.ts";
import { tempDir } from "../support/temp-dir.ts";
import { type ToolPlace, testToolsIn } from "../support/tool-sessions.ts";
import { doubleProblem } from "./double.ts";

async function withPlace(use: (place: ToolPlace) => Promise<void>): Promise<void> {
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

testToolsIn("sandbox", doubleProblem, withPlace);
