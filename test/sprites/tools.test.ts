import { type ToolPlace, testToolsIn } from "../support/tool-sessions.ts";
import { doubleProblem } from "./double.ts";
import { setUp } from "./glue.ts";

async function withPlace(use: (place: ToolPlace) => Promise<void>): Promise<void> {
  const { double, home, stop } = await setUp();
  try {
    await use({ runtime: "sprites", env: { GLUE_HOME: home, SPRITES_CLI: double.cli, ...double.env } });
  } finally {
    await stop();
  }
}

testToolsIn("sprite", doubleProblem, withPlace);
