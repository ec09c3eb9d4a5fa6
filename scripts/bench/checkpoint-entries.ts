import type { Context, Entry, Sides } from "./entry.ts";

const IMAGE = "glue-test/debian:git";
const PAIRS = 50;

/** A command that changes a file, in one session with checkpoints and in one without; each pair is one command in either. */
async function twoSessions(
  { glue, folder, output }: Context,
  start: readonly string[],
  seconds: number,
): Promise<Sides> {
  await output(["git", "init", "-q", folder]);
  const open: string[] = [];
  const cleanup = async () => {
    for (const id of open) await output([glue, "session", "close", id]);
  };
  const command = async (checkpointSeconds: number) => {
    const words = ["session", "start", ...start, "--set", `checkpoint_seconds=${checkpointSeconds}`];
    const session = await output([glue, ...words]);
    open.push(session);
    return [glue, "exec", "-s", session, "--", "sh", "-c", "date +%N >>changed"];
  };
  try {
    return { ours: { argv: await command(seconds) }, theirs: { argv: await command(0) }, cleanup };
  } catch (error) {
    await cleanup();
    throw error;
  }
}

function entry(name: string, start: readonly string[], seconds: number): Entry {
  return {
    name,
    what: `a command that changes a file, with a checkpoint every ${seconds} s`,
    against: "the same without checkpoints",
    pairs: PAIRS,
    measure: { kind: "time" },
    reach: 1.15,
    prepare: (context) => twoSessions(context, start, seconds),
  };
}

const HOST = ["-r", "host", "--copy"];
const DOCKER = ["-r", "docker", "--copy", "--set", `docker.image=${IMAGE}`];

/** What the safety of a session costs its commands. */
export const CHECKPOINT_ENTRIES: readonly Entry[] = [
  entry("checkpoints-host", HOST, 60),
  entry("checkpoints-host-often", HOST, 2),
  entry("checkpoints-docker", DOCKER, 60),
  entry("checkpoints-docker-often", DOCKER, 2),
];
