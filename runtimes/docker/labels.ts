import type { Owner } from "../contract.ts";

/** What a container's labels say of it. Docker asks for a prefix that is one's own, in reverse domain order. */
const PREFIX = "dev.glue.";
/** The mark of everything that is glue's: its value is the version of this format. */
export const MARK_LABEL = `${PREFIX}format`;
const FORMAT = "1";
const SESSION = `${PREFIX}session`;
const MODE = `${PREFIX}mode`;
/** Set where the container is to outlive its session. */
const KEPT = `${PREFIX}kept`;
/** Container paths of the user's tree and of its git directories outside it, as JSON; direct mode only. */
const TREE = `${PREFIX}tree`;
const OWNER = {
  kind: `${PREFIX}owner.kind`,
  host: `${PREFIX}owner.host`,
  boot: `${PREFIX}owner.boot`,
  pid: `${PREFIX}owner.pid`,
  pidStart: `${PREFIX}owner.pid-start`,
} as const;

export interface Labeled {
  readonly sessionId: string;
  /** Undefined where they do not say: then nothing of a host's folder is known to be in it. */
  readonly mode: "direct" | "copy" | undefined;
  /** True where it is to outlive its session. */
  readonly kept: boolean;
  /** Container paths of the user's tree and of its git directories outside it. */
  readonly treeFolders: readonly string[];
  /** Undefined when one of its labels is missing or not understood: then nothing is proven. */
  readonly owner: Owner | undefined;
}

export function labelsOf(
  sessionId: string,
  mode: "direct" | "copy",
  owner: Owner,
  treeFolders: readonly string[],
  kept = false,
): Record<string, string> {
  return {
    ...(kept ? { [KEPT]: "true" } : {}),
    ...(mode === "direct" ? { [TREE]: JSON.stringify(treeFolders) } : {}),
    [MARK_LABEL]: FORMAT,
    [SESSION]: sessionId,
    [MODE]: mode,
    [OWNER.kind]: owner.kind,
    [OWNER.host]: owner.host,
    [OWNER.boot]: owner.boot,
    [OWNER.pid]: String(owner.pid),
    [OWNER.pidStart]: owner.pidStart,
  };
}

/** Reads a container's labels; undefined where it is not glue's. A format that is newer than ours proves no owner. */
export function readLabels(labels: Readonly<Record<string, string>> | null | undefined): Labeled | undefined {
  const format = labels?.[MARK_LABEL];
  const sessionId = labels?.[SESSION];
  if (labels === null || labels === undefined || format === undefined || !sessionId) return undefined;
  const mode = labels[MODE];
  return {
    sessionId,
    kept: labels[KEPT] === "true",
    mode: mode === "direct" || mode === "copy" ? mode : undefined,
    treeFolders: pathsIn(labels[TREE]),
    owner: format === FORMAT ? ownerOf(labels) : undefined,
  };
}

function ownerOf(labels: Readonly<Record<string, string>>): Owner | undefined {
  const kind = labels[OWNER.kind];
  const host = labels[OWNER.host];
  const boot = labels[OWNER.boot];
  const pid = labels[OWNER.pid];
  const pidStart = labels[OWNER.pidStart];
  if (kind !== "process" && kind !== "open") return undefined;
  if (!host || !boot || !pidStart || !/^[1-9]\d{0,9}$/.test(pid ?? "")) return undefined;
  return { kind, host, boot, pid: Number(pid), pidStart };
}

function pathsIn(text: string | undefined): string[] {
  try {
    const value: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(value) ? value.filter((path) => typeof path === "string" && path.startsWith("/")) : [];
  } catch {
    // Not written by glue: then nothing is known, and nothing is touched.
    return [];
  }
}
