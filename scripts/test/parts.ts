import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { ROOT } from "../build/compile.ts";

/** A group of test folders that is run as one process of its own. */
export interface Part {
  readonly name: string;
  /** Relative to the checkout. */
  readonly folders: readonly string[];
  /** What one test may take unless it says so itself, in milliseconds. */
  readonly testTimeoutMs: number;
  /** What the whole part may take before it is ended and counted as failed, in minutes; a full run has `FULL_TIMES` as long. */
  readonly limitMinutes: number;
  /** Run only when it is asked for by name. */
  readonly onlyByName?: boolean;
  /** Run in a full run, or when it is asked for by name. */
  readonly onlyFull?: boolean;
  /** What its tests find in their environment beside ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** The runtimes that the contract suite takes up, where the caller names none. */
  readonly runtimes?: readonly string[];
  /** Works on doubles of services and on nothing that the other parts look at, so it may run beside them. */
  readonly beside?: boolean;
}

/** How much longer a part may take where the variants run that take long. */
export const FULL_TIMES = 6;

/** Whether those are asked for. */
export const isFull = (): boolean => process.env.GLUE_TEST_FULL === "1";

const slow = { testTimeoutMs: 120_000, limitMinutes: 20 };

function roundtripOn(service: string, suffix = "", sdk?: string): Part {
  return {
    name: `roundtrip-${service}${suffix}`,
    folders: ["test/roundtrip"],
    ...slow,
    env: { GLUE_TEST_ROUNDTRIP_ON: service, ...(sdk === undefined ? {} : { GLUE_TEST_ROUNDTRIP_SDK: sdk }) },
    onlyFull: true,
    beside: true,
  };
}

export const PARTS: readonly Part[] = [
  {
    name: "unit",
    folders: ["spec", "session", "workspace", "runtimes", "cmd", "scripts"].map((folder) => `test/${folder}`),
    testTimeoutMs: 20_000,
    limitMinutes: 10,
  },
  // Processes, pipes and repositories of this machine: real ones, so not in seconds.
  { name: "host", folders: ["test/host"], ...slow },
  { name: "docker", folders: ["test/docker"], ...slow },
  { name: "daytona", folders: ["test/daytona"], ...slow, beside: true },
  { name: "sprites", folders: ["test/sprites"], ...slow, beside: true },
  { name: "modal", folders: ["test/modal"], ...slow, beside: true },
  { name: "contract", folders: ["test/contract"], ...slow, runtimes: ["host", "docker"] },
  {
    name: "contract-services",
    folders: ["test/contract"],
    ...slow,
    runtimes: ["daytona", "sprites", "modal"],
    beside: true,
  },
  { name: "roundtrip", folders: ["test/roundtrip"], ...slow },
  // The same tests, where they can, in sandboxes of the doubles; in those of Modal's with each of the SDKs that it is tested with.
  roundtripOn("sprites"),
  roundtripOn("daytona"),
  roundtripOn("modal"),
  roundtripOn("modal", "-first-kind", "newest, first kind"),
  roundtripOn("modal", "-oldest", "oldest"),
  { name: "acceptance", folders: ["test/acceptance"], ...slow },
  { name: "fault", folders: ["test/fault"], ...slow },
  // Against the real services, with the caller's own keys.
  { name: "live", folders: ["test/live"], ...slow, onlyByName: true },
];

/** The folders of a part that are there. */
export function foldersOf(part: Part): string[] {
  return part.folders.filter((folder) => existsSync(resolve(ROOT, folder)));
}

/** The test files in those folders, relative to the checkout as the folders are. */
export function testFilesIn(folders: readonly string[]): string[] {
  const files: string[] = [];
  for (const folder of folders) {
    for (const file of new Bun.Glob("**/*.test.ts").scanSync(resolve(ROOT, folder))) files.push(join(folder, file));
  }
  return files.sort();
}
