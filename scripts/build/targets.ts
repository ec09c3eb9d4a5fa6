/** What glue is built for. */
export interface Target {
  /** As in archive names and `glue version --json`. */
  readonly name: string;
  /** Bun's name of the same, for `--target`. */
  readonly bun: string;
  readonly format: "ELF" | "Mach-O" | "PE";
  readonly architecture: "x64" | "arm64";
  readonly executable: "glue" | "glue.exe";
}

export const TARGETS: readonly Target[] = [
  { name: "linux-x64", bun: "bun-linux-x64", format: "ELF", architecture: "x64", executable: "glue" },
  { name: "linux-arm64", bun: "bun-linux-arm64", format: "ELF", architecture: "arm64", executable: "glue" },
  { name: "linux-x64-musl", bun: "bun-linux-x64-musl", format: "ELF", architecture: "x64", executable: "glue" },
  { name: "linux-arm64-musl", bun: "bun-linux-arm64-musl", format: "ELF", architecture: "arm64", executable: "glue" },
  { name: "darwin-x64", bun: "bun-darwin-x64", format: "Mach-O", architecture: "x64", executable: "glue" },
  { name: "darwin-arm64", bun: "bun-darwin-arm64", format: "Mach-O", architecture: "arm64", executable: "glue" },
  { name: "windows-x64", bun: "bun-windows-x64", format: "PE", architecture: "x64", executable: "glue.exe" },
];

/** The name of the machine that this runs on, whether or not it is one of `TARGETS`. */
export function nativeTarget(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const musl = process.platform === "linux" && usesMusl() ? "-musl" : "";
  return `${platform}-${process.arch}${musl}`;
}

function usesMusl(): boolean {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header !== undefined && report.header.glibcVersionRuntime === undefined;
}
