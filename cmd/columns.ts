/** However narrow a terminal is, that much of a last column stays. */
const LEAST = 12;

/**
 * Rows as aligned columns, two spaces apart; the last one is not padded, and cut where a line would be wider than `width`. Widths count what
 * a terminal shows, colors not.
 */
export function columns(
  rows: readonly (readonly string[])[],
  { indent = "", width = Number.POSITIVE_INFINITY }: { readonly indent?: string; readonly width?: number } = {},
): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, Bun.stringWidth(cell));
  }
  const line = (row: readonly string[]) => {
    const before = row.slice(0, -1).map((cell, i) => cell + " ".repeat((widths[i] ?? 0) - Bun.stringWidth(cell)));
    const left = width - Bun.stringWidth(indent + before.map((cell) => `${cell}  `).join(""));
    return [...before, fit(row.at(-1) ?? "", Math.max(LEAST, left))].join("  ");
  };
  return rows.map((row) => `${indent}${line(row)}\n`).join("");
}

/** Text as lines of at most `width` columns, broken at white space; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const wrapped: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && Bun.stringWidth(line) + 1 + Bun.stringWidth(word) > width) {
      wrapped.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...wrapped, line];
}

/** Cuts to a number of columns. */
export function fit(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text;
  let kept = "";
  for (const char of text) {
    if (Bun.stringWidth(kept + char) > columns - 1) break;
    kept += char;
  }
  return `${kept}…`;
}
