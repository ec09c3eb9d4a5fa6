import { agentSession } from "../support/mcp-agent.ts";
import { inspectedSession } from "../support/mcp-inspector.ts";
import { missing, testUnless } from "../support/needs.ts";
import { smallProject } from "../support/small-project.ts";
import { shellSession } from "../support/typist.ts";
import { doubleProblem, testWithDouble } from "./double.ts";
import { setUp } from "./glue.ts";

async function withPlace(use: (place: Parameters<typeof agentSession>[0]) => Promise<void>): Promise<void> {
  const { double, home, stop } = await setUp();
  try {
    await use({ runtime: "sprites", env: { GLUE_HOME: home, SPRITES_CLI: double.cli, ...double.env } });
  } finally {
    await stop();
  }
}

testWithDouble(
  "an agent mends a project in a sprite of the double, and its work is landed",
  () => withPlace(agentSession),
  300_000,
);

testUnless(
  doubleProblem ?? missing("mcp-inspector"),
  "the official inspector works with the tools in a sprite of the double",
  () => withPlace((place) => inspectedSession({ ...place, cwd: smallProject() })),
  300_000,
);

testWithDouble(
  "a shell in a sprite of the double is a real terminal, and what is written there comes back",
  () => withPlace((place) => shellSession({ ...place, cwd: smallProject() })),
  300_000,
);
