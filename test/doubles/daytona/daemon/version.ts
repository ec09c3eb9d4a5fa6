const HEADER = "x-daytona-sdk-version";

/** From 0.167 on (and for development versions) a client gets logs as JSON, its streams apart. */
export function wantsJson(headers: Headers): boolean {
  const version = headers.get(HEADER) ?? "";
  return version.includes("dev") || atLeast(version, 167);
}

/** From 0.27 on a client gets the marks and takes the streams apart itself; so does one that asks for it. */
export function wantsMarks(headers: Headers, protocols = ""): boolean {
  const [, offered = ""] = /X-Daytona-SDK-Version~([\d.]+)/i.exec(protocols) ?? [];
  const version = headers.get(HEADER) ?? offered;
  return version.includes("dev") || atLeast(version, 27) || headers.get("x-daytona-split-output") === "true";
}

function atLeast(version: string, minor: number): boolean {
  const [major = 0, second = 0] = version.split(".").map(Number);
  return version !== "" && (major > 0 || second >= minor);
}
