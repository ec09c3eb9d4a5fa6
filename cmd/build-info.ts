import { version as packageVersion } from "../package.json";

/** Put in by the build (`--define`); absent when glue runs from its source. */
declare const GLUE_BUILD_COMMIT: string | undefined;
declare const GLUE_BUILD_TARGET: string | undefined;

/** What this binary is. */
export interface BuildInfo {
  readonly version: string;
  /** Full id of the commit it was built from, `-dirty` appended where files differed; `unknown` from the source. */
  readonly commit: string;
  /** `linux-x64`, `linux-arm64-musl`, `darwin-arm64`, `windows-x64` … */
  readonly target: string;
}

export const BUILD: BuildInfo = {
  version: packageVersion,
  commit: typeof GLUE_BUILD_COMMIT === "string" ? GLUE_BUILD_COMMIT : "unknown",
  target:
    typeof GLUE_BUILD_TARGET === "string"
      ? GLUE_BUILD_TARGET
      : `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`,
};
