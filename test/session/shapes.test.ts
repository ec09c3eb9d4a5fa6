import { expect, test } from "bun:test";
import { realpathSync } from "node:fs";
import { glue } from "../support/glue.ts";
import { expectSchema } from "../support/json-schema.ts";
import { tempDir } from "../support/temp-dir.ts";
import { freshHome } from "./support.ts";

test("what the session commands print for tools is what docs/schemas says", async () => {
  const [home, cwd] = [freshHome(), realpathSync(tempDir())];
  const json = async (schema: string, ...args: string[]) => {
    const { code, stdout, stderr } = await glue(home, [...args, "--json"], { cwd });
    expect([code, stderr]).toEqual([0, ""]);
    const value = JSON.parse(stdout);
    expectSchema(value, schema);
    return value;
  };
  const { id } = await json("session-start", "session", "start", "-r", "host");
  await json("session-list", "session", "list");
  await json("prune", "prune", "--dry-run");
  await json("session-close", "session", "close", id);
  await json("session-close", "session", "close", id);
  await json("session-list", "session", "list", "--all");
  await json("session-rm", "session", "rm", id);
}, 20_000);
