import type { Owner } from "../contract.ts";

const PREFIX = "dev.glue.";
/** The mark of everything that is glue's, and the version of this format. */
export const MARK: Readonly<Record<string, string>> = { [`${PREFIX}format`]: "1" };
const SESSION = `${PREFIX}session`;
const OWNER = {
  kind: `${PREFIX}owner.kind`,
  host: `${PREFIX}owner.host`,
  boot: `${PREFIX}owner.boot`,
  pid: `${PREFIX}owner.pid`,
  pidStart: `${PREFIX}owner.pid-start`,
} as const;

/** What a sandbox's labels say of whose it is. */
export function labelsOf(sessionId: string, owner: Owner): Record<string, string> {
  return {
    ...MARK,
    [SESSION]: sessionId,
    [OWNER.kind]: owner.kind,
    [OWNER.host]: owner.host,
    [OWNER.boot]: owner.boot,
    [OWNER.pid]: String(owner.pid),
    [OWNER.pidStart]: owner.pidStart,
  };
}

/** Undefined where the sandbox is not glue's; an owner that is not whole proves nothing, and is undefined. */
export function readLabels(
  labels: Readonly<Record<string, string>> | null | undefined,
): { sessionId: string; owner: Owner | undefined } | undefined {
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
  return { sessionId, owner: whole ? { kind, host, boot, pid: Number(pid), pidStart } : undefined };
}
