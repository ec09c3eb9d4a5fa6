/** Apart from meta.ts, so that a command that only writes records does not pay for what reading one takes. */
import * as v from "valibot";
import { RUNTIME_IDS, type RuntimeId } from "../spec/generated/capabilities.ts";
import { GlueError } from "../spec/glue-error.ts";
import { isSessionId } from "./id.ts";
import { FORMAT_VERSION, GLUE_VERSION, STATES } from "./meta.ts";

const runtimeId = v.picklist(RUNTIME_IDS as readonly [RuntimeId, ...RuntimeId[]]);
const time = v.pipe(v.string(), v.isoTimestamp());

const owner = v.object({
  kind: v.picklist(["process", "open"]),
  host: v.string(),
  boot: v.string(),
  pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  pidStart: v.string(),
});

/** All that another process needs to reach or end a sandbox. */
export const handleSchema = v.object({
  runtime: runtimeId,
  id: v.exactOptional(v.string()),
  name: v.string(),
  data: v.record(v.string(), v.string()),
});

const optionValue = v.union([v.string(), v.number(), v.boolean(), v.array(v.string())]);

/** What was captured last; `facts` are the capture's own and are shown as they are. */
const capture = v.object({
  status: v.picklist(["nothing", "captured", "unavailable"]),
  at: time,
  reason: v.exactOptional(v.string()),
  message: v.exactOptional(v.string()),
  facts: v.exactOptional(v.record(v.string(), v.unknown())),
});

const metaSchema = v.looseObject({
  formatVersion: v.literal(FORMAT_VERSION),
  /** The version of the glue that wrote this last. */
  glueVersion: v.string(),
  id: v.pipe(v.string(), v.check(isSessionId)),
  state: v.picklist(STATES),
  /** A sentence on how it came to a state that was not meant. */
  note: v.exactOptional(v.string()),
  createdAt: time,
  /** When the state was entered. */
  stateAt: time,
  requestedRuntime: runtimeId,
  runtime: runtimeId,
  /** `direct`: commands work on the user's own files. `copy`: on a copy whose change comes back. */
  mode: v.picklist(["direct", "copy"]),
  owner,
  tree: v.object({ top: v.string(), subfolder: v.string(), outsideGitDirs: v.array(v.string()) }),
  /** The options as they were resolved, by their keys; a secret only as a reference to where its value is found again. */
  options: v.object({ values: v.record(v.string(), optionValue), secrets: v.record(v.string(), v.string()) }),
  /** What every command of the session gets unless it says otherwise. */
  defaults: v.exactOptional(
    v.object({
      env: v.exactOptional(v.record(v.string(), v.string())),
      /** Variables whose values come from whoever runs the command. */
      passOn: v.exactOptional(v.array(v.string())),
      timeoutMs: v.exactOptional(v.number()),
    }),
  ),
  /** Planned before the sandbox was asked for, complete once it exists. */
  handle: handleSchema,
  /** When the service will end the sandbox by itself, where it says so. */
  deadline: v.exactOptional(time),
  /** True where the session took over a sandbox that was there before it, which it therefore leaves. */
  attached: v.exactOptional(v.boolean()),
  /** True where the sandbox was kept at close. */
  kept: v.exactOptional(v.boolean()),
  capture: v.exactOptional(capture),
  /** What was saved last while the session was open. */
  checkpoint: v.exactOptional(capture),
  /** How the tree was brought in, in the words of the stage. */
  stage: v.exactOptional(v.record(v.string(), v.unknown())),
  /** When the captured change was last landed or exported; a change captured later is not covered by it. */
  landedAt: v.exactOptional(time),
  /** How it was landed last: the branch, and which commits got other ids there and why; shown as it is. */
  landing: v.exactOptional(v.record(v.string(), v.unknown())),
});

/** The contents of meta.json. Times are ISO 8601 in UTC. */
export type SessionMeta = v.InferOutput<typeof metaSchema>;

/**
 * Reads the text of a meta.json that belongs to session `id`. `versionTooOld` for one that a newer glue wrote; `sessionDamaged`
 * for a text that is torn or was written by something else: nothing of such a file is believed.
 */
export function parseMeta(text: string, id: string): SessionMeta {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(id, text === "" ? "it is empty" : "it is torn or not JSON", cause);
  }
  refuseNewer(value, id);
  const read = v.safeParse(metaSchema, value);
  if (!read.success) {
    const [issue] = read.issues;
    throw damaged(id, `${v.getDotPath(issue) ?? "its contents"}: ${issue.message}`, undefined);
  }
  if (read.output.id !== id) throw damaged(id, `it belongs to session ${read.output.id}`, undefined);
  return read.output;
}

function refuseNewer(value: unknown, id: string): void {
  if (typeof value !== "object" || value === null || !("formatVersion" in value)) return;
  const format = value.formatVersion;
  if (typeof format !== "number" || format <= FORMAT_VERSION) return;
  const writer = "glueVersion" in value && typeof value.glueVersion === "string" ? value.glueVersion : undefined;
  throw new GlueError(
    "versionTooOld",
    `Session ${id} was written by ${writer === undefined ? "a newer glue" : `glue ${writer}`} in a format (${format}) that this glue ${GLUE_VERSION} cannot read (it reads up to ${FORMAT_VERSION}).`,
    { hint: `Install glue ${writer ?? "of that version"} or newer.` },
  );
}

function damaged(id: string, why: string, cause: unknown): GlueError {
  return new GlueError("sessionDamaged", `The record of session ${id} (meta.json) is damaged: ${why}.`, {
    hint: `glue session show ${id} says what is left of it; glue session rm --force ${id} removes it.`,
    cause,
  });
}
