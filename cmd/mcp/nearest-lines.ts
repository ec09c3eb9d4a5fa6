/** How many places in a file are looked at closely. */
const CANDIDATES = 30;
/** How much of a text is compared, and of a file searched. Lines. */
const COMPARED = 40;
const SEARCHED = 50_000;

/** The place in a text that is most like `wanted`, as it is there; undefined where none is like it at all. Lines count from 1. */
export function nearestLines(
  text: string,
  wanted: string,
): { readonly line: number; readonly text: string } | undefined {
  const lines = text.split("\n").slice(0, SEARCHED);
  const looked = wanted.split("\n").slice(0, COMPARED);
  while (looked.length > 1 && looked[0]?.trim() === "") looked.shift();
  const anchor = looked.reduce((a, b) => (b.trim().length > a.trim().length ? b : a));
  const shift = looked.indexOf(anchor);
  const rough = pairs(anchor);
  const best = lines
    .map((line, at) => ({ start: at - shift, score: likeness(rough, pairs(line)) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, CANDIDATES)
    .map(({ start, score }) => {
      const from = Math.max(0, start);
      const piece = lines.slice(from, from + looked.length);
      const whole = likeness(pairs(looked.join("\n")), pairs(piece.join("\n")));
      return { line: from + 1, text: piece.join("\n"), score: score + whole };
    })
    .sort((a, b) => b.score - a.score)[0];
  return best === undefined || best.score < 0.8 ? undefined : { line: best.line, text: best.text };
}

/** Every two neighboring characters, white space apart, and how often. */
function pairs(text: string): Map<string, number> {
  const found = new Map<string, number>();
  const plain = text.replaceAll(/\s+/g, "").slice(0, 4_000);
  for (let at = 0; at + 1 < plain.length; at++) {
    const pair = plain.slice(at, at + 2);
    found.set(pair, (found.get(pair) ?? 0) + 1);
  }
  return found;
}

/** The share of pairs in common (Sørensen and Dice), 0 to 1. */
function likeness(a: Map<string, number>, b: Map<string, number>): number {
  let common = 0;
  for (const [pair, count] of a) common += Math.min(count, b.get(pair) ?? 0);
  const total = sum(a) + sum(b);
  return total === 0 ? 0 : (2 * common) / total;
}

function sum(counts: Map<string, number>): number {
  let all = 0;
  for (const count of counts.values()) all += count;
  return all;
}
