import { startDouble } from "../../test/doubles/sprite/server.ts";
import type { Context, Entry } from "./entry.ts";

const MB = 1_000_000;
const BYTES = 200 * MB;

/** glue on sprites against the bare `sprite` CLI, on the same double of the service: needs root and Linux. */
export const SPRITES_ENTRIES: readonly Entry[] = [
  {
    name: "sprites-exec",
    what: "glue exec -- true in an open session",
    against: "sprite exec -- true",
    pairs: 15,
    measure: { kind: "time" },
    reach: 4.0,
    prepare: (context) => inSession(context, ["true"]),
  },
  {
    name: "sprites-stdout",
    what: `glue exec: ${BYTES / MB} MB of stdout from a sprite to wc -c`,
    against: "sprite exec",
    pairs: 3,
    measure: { kind: "throughput", bytes: BYTES },
    reach: 0.6,
    memory: { atMostMb: 150, stalled: true },
    prepare: (context) => inSession(context, ["head", "-c", String(BYTES), "/dev/zero"], "wc -c"),
  },
  {
    name: "sprites-run",
    what: "glue run -- true: create, bring the tree, run, capture, destroy",
    against: "sprite create, exec true, destroy",
    pairs: 5,
    measure: { kind: "time" },
    reach: 8.0,
    prepare: async ({ glue }) => {
      const double = startDouble();
      const set = ["env", `FAKE_SPRITE_STATE=${double.env.FAKE_SPRITE_STATE}`, `SPRITES_CLI=${double.cli}`];
      const bare = '"$0" create --skip-console bare && "$0" -s bare exec -- true; "$0" destroy --force bare';
      return {
        ours: { argv: [...set, glue, "run", "-q", "-r", "sprites", "--", "true"] },
        theirs: { argv: [...set, "sh", "-c", bare, double.cli] },
        cleanup: () => double.stop(),
      };
    },
  },
];

/** Both sides in the same sprite: the one of an open session. */
async function inSession({ glue, output }: Context, command: readonly string[], reader?: string) {
  const double = startDouble();
  const set = ["env", `FAKE_SPRITE_STATE=${double.env.FAKE_SPRITE_STATE}`, `SPRITES_CLI=${double.cli}`];
  const session = await output([...set, glue, "session", "start", "-q", "-r", "sprites"]);
  const read = reader === undefined ? {} : { reader };
  return {
    ours: { argv: [...set, glue, "exec", "-s", session, "--", ...command], ...read },
    theirs: { argv: [...set, double.cli, "-s", `glue-${session}`, "exec", "--", ...command], ...read },
    cleanup: () => double.stop(),
  };
}
