import { SpecError } from "../../spec/schema/check.ts";

const OPEN = /^<!-- generated:([a-z0-9-]+) -->$/;
const CLOSE = "<!-- /generated -->";

/**
 * Fills what stands between `<!-- generated:NAME -->` and `<!-- /generated -->` (each on a line of its own) with the block of that name.
 * Throws `SpecError` for an unknown name and for a marker without its other half.
 */
export function fillMarkers(text: string, file: string, blocks: ReadonlyMap<string, string>): string {
  const filled: string[] = [];
  let open: { name: string; line: number } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const name = OPEN.exec(line.trim())?.[1];
    const fail = (message: string) => new SpecError([{ file, line: index + 1, column: 1, message }]);
    if (name !== undefined) {
      if (open !== undefined) throw fail(`the block "${open.name}" of line ${open.line} is not closed`);
      const block = blocks.get(name);
      if (block === undefined) throw fail(`no block is called "${name}"; there are ${[...blocks.keys()].join(", ")}`);
      open = { name, line: index + 1 };
      filled.push(line, "", block, "");
    } else if (line.trim() === CLOSE) {
      if (open === undefined) throw fail(`nothing is open that could be closed here`);
      open = undefined;
      filled.push(line);
    } else if (open === undefined) {
      filled.push(line);
    }
  }
  if (open !== undefined) {
    throw new SpecError([{ file, line: open.line, column: 1, message: `the block "${open.name}" is not closed` }]);
  }
  return filled.join("\n");
}
