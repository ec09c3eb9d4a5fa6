import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { command } from "../../cmd/doctor.ts";
import { parse } from "../../cmd/parse.ts";
import { RUNTIME_IDS } from "../../spec/generated/capabilities.ts";
import { expectSchema } from "../support/json-schema.ts";
import { tempDir } from "../support/temp-dir.ts";
import { testIo } from "./memory-terminal.ts";

interface Report {
  readonly runtimes: readonly {
    id: string;
    selected: boolean;
    ready: boolean;
    checks: { name: string; status: string; fix?: string }[];
  }[];
}

async function doctor(argv: readonly string[], env: Record<string, string> = {}) {
  const io = testIo({
    json: true,
    env: {
      GLUE_HOME: join(tempDir(), "home"),
      DOCKER_HOST: "unix:///nonexistent.sock",
      DAYTONA_API_BASE_URL: "http://127.0.0.1:9",
      ...env,
    },
  });
  const status = await command.run((await parse(command, ["--json", ...argv])).values as never, io);
  const report = JSON.parse(io.terminal.text(1)) as Report;
  expectSchema(report, "doctor");
  return { status, report };
}

describe("doctor", () => {
  test("looks at every runtime and judges by the chosen one", async () => {
    const { status, report } = await doctor([]);
    expect(status).toBe(0);
    expect(report.runtimes.map(({ id }) => id)).toEqual([...RUNTIME_IDS]);
    expect(report.runtimes.find(({ selected }) => selected)?.id).toBe("host");
  });

  test("wants all to be ready with --all", async () => {
    expect((await doctor(["--all"])).status).toBe(1);
  });

  test("looks at one with -r and judges by it", async () => {
    const { status, report } = await doctor(["-r", "daytona"]);
    expect(status).toBe(1);
    expect(report.runtimes).toHaveLength(1);
    const checks = report.runtimes[0]?.checks.filter(({ status }) => status === "missing") ?? [];
    expect(checks.some(({ fix }) => fix?.includes("DAYTONA_API_KEY"))).toBe(true);
  });

  test("names the variable that a value refers to and that is not set", async () => {
    const { report } = await doctor(["-r", "docker"], { GLUE_DOCKER_IMAGE: "env:NOT_SET" });
    const image = report.runtimes[0]?.checks.find(({ name }) => name === "docker.image");
    expect(image).toMatchObject({ status: "missing", fix: "export NOT_SET=…" });
  });

  test("shows a secret only as being there", async () => {
    const io = testIo({
      env: {
        GLUE_HOME: join(tempDir(), "home"),
        DAYTONA_API_KEY: "0123456789abcdef",
        DAYTONA_API_BASE_URL: "http://127.0.0.1:9",
      },
    });
    await command.run((await parse(command, ["-r", "daytona"])).values as never, io);
    expect(io.terminal.text(1)).toContain("daytona.api_key is set");
    expect(io.terminal.text(1)).not.toContain("0123456789");
  });
});
