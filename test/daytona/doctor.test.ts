/** Every check of `glue doctor` on this runtime, and what it says is to be done. */
import { afterAll, beforeAll, beforeEach, expect } from "bun:test";
import { createRuntime } from "../../runtimes/daytona/index.ts";
import type { Fault } from "../doubles/daytona/faults.ts";
import { type Double, startDouble } from "../doubles/daytona/server.ts";
import { doubleProblem, testWithDouble } from "./double.ts";
import { optionsFor } from "./support.ts";

let double: Double;
beforeAll(() => {
  if (doubleProblem === undefined) double = startDouble();
});
beforeEach(() => double?.faults.clear());
afterAll(async () => {
  await double?.stop();
});

async function checksOf(set: Readonly<Record<string, string>> = {}, apiKey = double.apiKey) {
  return await createRuntime().diagnose({ ...(await optionsFor(double, set)), "daytona.api_key": apiKey || undefined });
}

const KEY = /api-keys\/current$/;
const keyWith = (fields: object): Fault => ({ on: KEY, act: 200, body: JSON.stringify({ name: "k", ...fields }) });
const BOTH = ["write:sandboxes", "delete:sandboxes"];

testWithDouble("where all is well every check is ok, and nothing was created", async () => {
  const checks = await checksOf({ "daytona.target": "eu" });
  expect(checks.map(({ name, status }) => `${name}: ${status}`)).toEqual([
    "daytona options: ok",
    "daytona key: ok",
    "daytona service: ok",
    "daytona access: ok",
    "daytona sandboxes: ok",
    "daytona region: ok",
  ]);
  expect(double.sandboxes()).toEqual([]);
});

const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
const FAULTY: readonly {
  readonly what: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly key?: string;
  readonly fault?: Fault;
  readonly check: { readonly name: string; readonly status: string; readonly fix?: unknown };
}[] = [
  {
    what: "no key",
    key: "",
    check: { name: "daytona key", status: "missing", fix: expect.stringContaining("DAYTONA_API_KEY") },
  },
  {
    what: "a wrong key",
    key: "dtn_wrong",
    check: { name: "daytona access", status: "missing", fix: expect.stringContaining("new key") },
  },
  {
    what: "a key that may not delete",
    fault: keyWith({ permissions: ["write:sandboxes"] }),
    check: { name: "daytona access", status: "missing", fix: expect.stringContaining("delete:sandboxes") },
  },
  {
    what: "a key that ends soon",
    fault: keyWith({ permissions: BOTH, expiresAt: tomorrow }),
    check: { name: "daytona key expiry", status: "warn", fix: expect.stringContaining("new key") },
  },
  {
    what: "an organization that is suspended",
    fault: { on: /GET \/api\/sandbox$/, act: 403, body: '{"message":"Organization is suspended"}' },
    check: { name: "daytona sandboxes", status: "missing", fix: expect.stringContaining("limits") },
  },
  {
    what: "a region that there is not",
    set: { "daytona.target": "mars" },
    check: { name: "daytona region", status: "missing", fix: "Set daytona.target to one of: us, eu" },
  },
  {
    what: "a key that says nothing of its permissions",
    fault: { on: KEY, act: 500 },
    check: { name: "daytona access", status: "warn", fix: expect.stringContaining("delete:sandboxes") },
  },
  {
    what: "a region that cannot be looked up",
    set: { "daytona.target": "eu" },
    fault: { on: /api\/regions$/, act: 500 },
    check: { name: "daytona region", status: "warn", fix: expect.stringContaining("daytona.target") },
  },
  {
    what: "an address at which nobody answers",
    set: { "daytona.api_base_url": "http://127.0.0.1:9/api" },
    check: { name: "daytona service", status: "missing", fix: expect.stringContaining("daytona.api_base_url") },
  },
  {
    what: "the older address of the EU, where it does not answer",
    set: { "daytona.api_base_url": "http://app-eu.localhost:9/api" },
    check: { name: "daytona service", status: "missing", fix: expect.stringContaining("daytona.target: eu") },
  },
  {
    what: "an address where something else answers",
    fault: { on: /api\/config$/, act: 200, body: "<html>Welcome</html>" },
    check: { name: "daytona service", status: "missing", fix: expect.stringContaining("daytona.api_base_url") },
  },
  {
    what: "an option that the service would refuse",
    set: { "daytona.network_allow_list": "10.0.0.1" },
    check: { name: "daytona options", status: "missing", fix: "Correct that option" },
  },
];
for (const { what, set, key, fault, check } of FAULTY) {
  testWithDouble(`${what} is told, with what mends it`, async () => {
    if (fault !== undefined) double.faults.add(fault);
    expect(await checksOf(set, key)).toContainEqual(expect.objectContaining(check));
  });
}
