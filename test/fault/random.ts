/** Numbers that look random and are the same for the same seed (mulberry32), so that a run that failed can be repeated. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seeds of a test's runs: 1 to `runs`, or those that were asked for, one (`7`) or a batch (`101-150`). */
export function seedsFrom(asked: string | undefined, runs: number): number[] {
  const [, first = "1", last = asked === undefined ? String(runs) : first] =
    /^(\d+)(?:-(\d+))?$/.exec(asked ?? "1") ?? [];
  const from = Number(first);
  return Array.from({ length: Math.max(0, Number(asked === undefined ? runs : last) - from + 1) }, (_, i) => from + i);
}
