import { expect } from "bun:test";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder, sessionIds } from "../../session/store.ts";
import { freshHome } from "../session/support.ts";
import { sessionsEnded } from "../support/mcp-agent.ts";
import { mcpClient } from "../support/mcp-client.ts";
import { gluePath, testNeeding } from "../support/needs.ts";
import { smallProject } from "../support/small-project.ts";

testNeeding(
  ["built-binary", "linux"],
  "the compiled glue serves an agent's tools, and saves what they changed",
  async () => {
    const home = freshHome();
    const how = { cwd: smallProject(), binary: gluePath() };
    const { call, close } = await mcpClient(home, ["-r", "host", "--copy"], how);
    expect((await call("bash", { command: "sh test/run.sh" })).text).toContain("2 failed\n[exit code 1]");
    expect((await call("write_file", { path: "made.txt", content: "made\n" })).text).toContain("Made ");
    expect((await call("session_diff")).text).toContain("+made");
    await close();
    await sessionsEnded(home);
    const [id = ""] = sessionIds(home);
    expect(readMeta(sessionFolder(home, id)).capture?.status).toBe("captured");
  },
);
