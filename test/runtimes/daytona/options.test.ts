import { describe, expect, test } from "bun:test";
import type { Options } from "../../../runtimes/contract.ts";
import { isGlueError } from "../../../runtimes/contract.ts";
import { createBody } from "../../../runtimes/daytona/lifecycle.ts";
import { apiKeyOf, wishesOf } from "../../../runtimes/daytona/options.ts";
import { defaultOptions } from "../../../spec/defaults.ts";

function wishes(options: Partial<Options> = {}) {
  return wishesOf({ ...defaultOptions(), ...options });
}

function refusal(act: () => unknown): string {
  try {
    act();
    return "taken";
  } catch (error) {
    return isGlueError(error) ? `${error.code}: ${error.message}` : String(error);
  }
}

describe("what a sandbox is created with", () => {
  test("by default it is stopped after an hour and deleted a week later, and nothing else is asked for", () => {
    expect(createBody("glue-x", { "dev.glue.format": "1" }, wishes())).toEqual({
      name: "glue-x",
      labels: { "dev.glue.format": "1" },
      env: {},
      autoStopInterval: 60,
      autoDeleteInterval: 10_080,
    });
  });

  test("every option arrives where the service looks for it", () => {
    const body = createBody(
      "glue-x",
      { mine: "1" },
      wishes({
        "daytona.snapshot": "snap",
        "daytona.target": "eu",
        "daytona.env": ["A=1=2", "B="],
        "daytona.labels": ["team=tools"],
        "daytona.auto_stop_minutes": 5,
        "daytona.lifetime_minutes": 30,
        "daytona.network_allow_list": ["10.0.0.0/8", "203.0.113.0/24"],
        "daytona.domain_allow_list": ["example.com", "*.example.org"],
      }),
    );
    expect(body).toEqual({
      name: "glue-x",
      labels: { team: "tools", mine: "1" },
      env: { A: "1=2", B: "" },
      autoStopInterval: 5,
      autoDeleteInterval: 30,
      snapshot: "snap",
      target: "eu",
      networkAllowList: "10.0.0.0/8,203.0.113.0/24",
      domainAllowList: "example.com,*.example.org",
    });
  });
});

describe("an option that the service would refuse is refused before anything is created", () => {
  const cases: [Partial<Options>, string][] = [
    [{ "daytona.labels": ["nothing"] }, 'daytona.labels: "nothing" has no value'],
    [{ "daytona.labels": ["dev.glue.session=x"] }, '"dev.glue.session" cannot be a name'],
    [{ "daytona.env": ["1A=x"] }, 'daytona.env: "1A" cannot be a name'],
    [{ "daytona.network_allow_list": ["10.0.0.1"] }, "is no IPv4 block"],
    [{ "daytona.network_allow_list": ["10.0.0.256/8"] }, "is no IPv4 block"],
    [{ "daytona.network_allow_list": ["10.0.0.0/33"] }, "is no IPv4 block"],
    [{ "daytona.domain_allow_list": ["https://example.com"] }, "is no domain name"],
    [{ "daytona.domain_allow_list": Array.from({ length: 21 }, (_, n) => `a${n}.example.com`) }, "21 names"],
    [{ "daytona.network_block_all": true, "daytona.domain_allow_list": ["example.com"] }, "leaves nothing to allow"],
  ];
  for (const [options, words] of cases) {
    test(`${JSON.stringify(options).slice(0, 80)}`, () => {
      const said = refusal(() => wishes(options));
      expect(said).toStartWith("optionInvalid: daytona.");
      expect(said).toContain(words);
    });
  }

  test("a value, which may be a secret, is not shown", () => {
    expect(refusal(() => wishes({ "daytona.env": ["BAD-NAME=hunter2"] }))).not.toContain("hunter2");
  });

  test("no key is an error of its own", () => {
    expect(refusal(() => apiKeyOf({ ...defaultOptions(), "daytona.api_key": undefined } as Options))).toStartWith(
      "secretMissing",
    );
  });
});
