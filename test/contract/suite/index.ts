import type { Bench } from "../bench.ts";
import { concurrency } from "./concurrency.ts";
import { copying } from "./copying.ts";
import { endings } from "./endings.ts";
import { environment } from "./environment.ts";
import { everyStatus } from "./every-status.ts";
import { fileContent } from "./file-content.ts";
import { fileNames } from "./file-names.ts";
import { fileTree } from "./file-tree.ts";
import { folders } from "./folders.ts";
import { backgroundJobs } from "./jobs.ts";
import { killing } from "./killing.ts";
import { reach } from "./reach.ts";
import { scripts } from "./scripts.ts";
import { stdin } from "./stdin.ts";
import { streaming } from "./streaming.ts";
import { streams } from "./streams.ts";
import { terminal } from "./terminal.ts";
import { theBinary } from "./the-binary.ts";
import { withoutShell } from "./without-shell.ts";

type Suite = (bench: Bench) => void;

/** What every runtime must show before a cell of the matrix may claim it. */
export const WHOLE: readonly Suite[] = [
  endings,
  everyStatus,
  streams,
  streaming,
  stdin,
  environment,
  folders,
  scripts,
  concurrency,
  terminal,
  killing,
  backgroundJobs,
  fileContent,
  fileNames,
  fileTree,
  copying,
  reach,
  theBinary,
  withoutShell,
];

export const LEAN: readonly Suite[] = WHOLE.filter((suite) => suite !== everyStatus);

export const BASICS: readonly Suite[] = [endings, environment, folders, scripts];
