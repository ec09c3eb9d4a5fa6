/** Runtimes that `bun run test:live RUNTIME…` names; all where it names none. */
const named = (process.env.GLUE_TEST_RUNTIMES ?? "").split(",").filter(Boolean);

/** Why a runtime's live tests do not run: others were asked for. */
export function notNamed(runtime: string): string | undefined {
  return named.length === 0 || named.includes(runtime) ? undefined : `only ${named.join(", ")} was asked for`;
}
