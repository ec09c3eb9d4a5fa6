/**
 * Signs a Mach-O file ad hoc, in place, with rcodesign where it is on PATH (it works on every platform). Elsewhere nothing is done: the
 * manifest then says that the signature does not hold. Bun 1.4.5 leaves its own, stale, signature in a darwin-x64 binary.
 */
export async function mendSignature(binary: string): Promise<void> {
  const rcodesign = Bun.which("rcodesign");
  if (rcodesign === null) return;
  const run = Bun.spawn([rcodesign, "sign", binary], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stderr, status] = await Promise.all([run.stderr.text(), run.exited]);
  if (status !== 0) throw new Error(`rcodesign sign ${binary} ended with ${status}:\n${stderr}`);
}
