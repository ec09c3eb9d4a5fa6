import type { Progress } from "../runtimes/contract.ts";
import type { Env } from "../spec/resolve.ts";
import { openHome } from "./home.ts";
import { machineFacts } from "./owner.ts";
import type { Surroundings, Voice } from "./session.ts";

/** What a command knows of the process it runs in. */
export interface Caller {
  readonly voice: Voice;
  readonly progress: Progress;
  /** Names the home, and what is passed on from; `process.env` where it is left out. */
  readonly env?: Env;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** The surroundings of every step that is taken for this caller; makes the home where it is missing. */
export function surroundingsOf({ voice, progress, env = process.env, now = Date.now }: Caller): Surroundings {
  const home = openHome(env);
  return { home, facts: machineFacts(home.root), voice, progress, env, now };
}
