/**
 * The contract suite on a real account (`bun run test:live sprites`), by the `sprite` program on PATH (or SPRITES_CLI) as it is logged in:
 * costs what a few sprites cost for some minutes, and leaves none.
 */
import { afterAll, describe, expect } from "bun:test";
import { SpriteCli } from "../../runtimes/sprites/cli.ts";
import { destroy, exists } from "../../runtimes/sprites/destroy.ts";
import { defaultOptions } from "../../spec/defaults.ts";
import { Bench } from "../contract/bench.ts";
import { LEAN } from "../contract/suite/index.ts";
import { reach } from "../contract/suite/reach.ts";
import { theBinary } from "../contract/suite/the-binary.ts";
import type { ContractTarget } from "../contract/target.ts";
import { testUnless } from "../support/needs.ts";
import { notNamed } from "./named.ts";

const program = process.env.SPRITES_CLI || "sprite";
const cli = new SpriteCli({ ...defaultOptions(), "sprites.sprite_cli": program }, process.env);
/** Every sprite of this run begins so, whatever a failure left. */
const PREFIX = `glue-contract-${process.pid.toString(36)}-`;

async function ownSprites(): Promise<string[]> {
  const { stdout } = await cli.list(PREFIX);
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line.startsWith(PREFIX) && !line.includes(" "));
}

const target: ContractTarget = {
  id: "sprites-live",
  runtime: "sprites",
  label: "sprites, the service itself",
  needs: [],
  async start() {
    const version = (await cli.version()).stdout.toString().trim().split("\n")[0];
    return {
      against: `the service itself, ${version}`,
      set: { "sprites.sprite_cli": program },
      env: {},
      mode: "copy",
      unprivileged: {},
      async stop() {
        for (const name of await ownSprites()) await destroy(cli, name);
      },
    };
  },
};

async function problem(): Promise<string | undefined> {
  const other = notNamed("sprites");
  if (other !== undefined) return other;
  if (Bun.which(program) === null) return `no ${program} on PATH`;
  const { code } = await cli.list(PREFIX);
  return code === 0 ? undefined : "the sprite CLI is not logged in";
}

const lacking = await problem();
if (lacking !== undefined) {
  testUnless(lacking, "the contract on a real account", () => undefined);
} else {
  describe(target.label, () => {
    const bench = new Bench(target);
    // A sprite of the service does not reach this machine; and the binary's own way is the same as on the double.
    for (const suite of LEAN) if (suite !== reach && suite !== theBinary) suite(bench);
    afterAll(async () => {
      await bench.close();
      expect(await ownSprites()).toEqual([]);
      expect(await exists(cli, `${PREFIX}none`)).toBe(false);
    }, 300_000);
  });
}
