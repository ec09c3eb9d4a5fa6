import { test } from "bun:test";
import { freshHome } from "../session/support.ts";
import { agentSession } from "../support/mcp-agent.ts";
import { inspectedSession } from "../support/mcp-inspector.ts";
import { testNeeding } from "../support/needs.ts";
import { smallProject } from "../support/small-project.ts";

const place = () => ({ runtime: "host", flags: ["--copy"], env: { GLUE_HOME: freshHome().root } });

test("an agent mends a project in a copy on the host, and its work is landed", async () => {
  await agentSession(place());
}, 300_000);

testNeeding(
  ["mcp-inspector"],
  "the official inspector works with the tools on the host",
  async () => {
    await inspectedSession({ ...place(), cwd: smallProject() });
  },
  300_000,
);
