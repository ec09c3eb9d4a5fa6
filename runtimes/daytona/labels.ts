import type { Owner } from "../contract.ts";

const PREFIX = "dev.glue.";
/** The mark of everything that is glue's, and the version of this format. */
export const MARK: Readonly<Record<string, string>> = { [`${PREFIX}format`]: "1" };
const SESSION = `${PREFIX}session`;
/** Set where the sandbox is to outlive its session. */
const KEPT = `${PREFIX}kept`;
const OWNER = {
  kind: `${PREFIX}owner.kind`,
  host: `${PREFIX}owner.host`,
  boot: `${PREFIX}owner.boot`,
  pid: `${PREFIX}owner.pid`,
  pidStart: `${PREFIX}owner.pid-start`,
} as const;

/** What a sandbox's labels say of whose it is. */
export function labelsOf(sessionId: string, owner: Owner, kept = false): Record<string, string> {
  return {
    ...MARK,
    ...(kept ? { [KEPT]: "true" } : {}),
    [SESSION]: sessionId,
    [OWNER.kind]: owner.kind,
    [OWNER.host]: owner.host,
    [OWNER.boot]: owner.boot,
    [OWNER.pid]: String(owner.pid),
    [OWNER.pidStart]: owner.pidStart,
  };
}

export interface Labeled {
  readonly sessionId: string;
  /** True where it is to outlive its session. */
  readonly kept: boolean;
  readonly owner: Owner | undefined;
}

/** Undefined where the sandbox is not glue's; an owner that is not whole proves nothing, and is undefined. */
export function readLabels(labels: Readonly<Record<string, string>> | null | undefined): Labeled | undefined {
  const format = labels?.[`${PREFIX}format`];
  const sessionId = labels?.[SESSION];
  if (!labels || format === undefined || !sessionId) return undefined;
  const {
    [OWNER.kind]: kind,
    [OWNER.host]: host,
    [OWNER.boot]: boot,
    [OWNER.pid]: pid,
    [OWNER.pidStart]: pidStart,
  } = labels;
  const whole =
    format === "1" &&
    (kind === "process" || kind === "open") &&
    host &&
    boot &&
    pidStart &&
    /^[1-9]\d{0,9}$/.test(pid ?? "");
  const kept = labels[KEPT] === "true";
  return { sessionId, kept, owner: whole ? { kind, host, boot, pid: Number(pid), pidStart } : undefined };
}
