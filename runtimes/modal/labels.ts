import type { Owner } from "../contract.ts";

/** Tags of a sandbox. The sidecar lists those that carry `glue`; its value is the version of this format. */
const FORMAT = "1";

/** `kept`: the sandbox outlives its session, and is nobody's to end. */
export function tagsOf(sessionId: string, owner: Owner, kept: boolean): Record<string, string> {
  return {
    glue: FORMAT,
    "glue-session": sessionId,
    "glue-kind": owner.kind,
    "glue-host": tagText(owner.host),
    "glue-boot": tagText(owner.boot),
    "glue-pid": String(owner.pid),
    "glue-pid-start": tagText(owner.pidStart),
    ...(kept ? { "glue-kept": "true" } : {}),
  };
}

/** Undefined where the sandbox is not glue's; an owner that is not whole proves nothing, and is undefined. */
export function readTags(
  tags: Readonly<Record<string, string>>,
): { sessionId: string; owner: Owner | undefined; kept: boolean } | undefined {
  const sessionId = tags["glue-session"];
  if (tags.glue === undefined || !sessionId) return undefined;
  return { sessionId, owner: tags.glue === FORMAT ? ownerOf(tags) : undefined, kept: tags["glue-kept"] === "true" };
}

function ownerOf(tags: Readonly<Record<string, string>>): Owner | undefined {
  const {
    "glue-kind": kind,
    "glue-host": host,
    "glue-boot": boot,
    "glue-pid": pid = "",
    "glue-pid-start": pidStart,
  } = tags;
  if (kind !== "process" && kind !== "open") return undefined;
  if (!host || !boot || !pidStart || !/^[1-9]\d{0,9}$/.test(pid)) return undefined;
  return { kind, host: textOf(host), boot: textOf(boot), pid: Number(pid), pidStart: textOf(pidStart) };
}

/** A tag's value may have letters, digits, '.', '-' and '_', at most 63 (the SDK's rule for Apps): a time of day on a Mac has others. */
function tagText(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9.-]/g, (sign) => `_${sign.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function textOf(tag: string): string {
  return tag.replaceAll(/_([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
