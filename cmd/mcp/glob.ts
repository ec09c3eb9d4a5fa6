import { fileNames, shown } from "./file-list.ts";
import { defineTool } from "./tool.ts";

const SHOWN = 1_000;

export const glob = defineTool({
  name: "glob",
  description:
    "Find files of the session by their names: * and ? within a folder, ** across folders, [ab], {a,b}. Names come sorted and relative to path. What .gitignore names is left out.",
  params: {
    pattern: { type: "string", required: true, description: "For instance **/*.ts or src/*.{c,h}." },
    path: { type: "string", description: "The folder to look in. Default: the project folder." },
  },
  readOnly: true,
  async run({ pattern, path = "." }, call) {
    const session = await call.workshop.session(call);
    const folder = call.workshop.path(session, path);
    // A model that was told absolute paths may give one here too.
    const wanted = new Bun.Glob(pattern.startsWith(`${folder}/`) ? pattern.slice(folder.length + 1) : pattern);
    const found = (await fileNames(session, folder, call)).map(shown).filter((name) => wanted.match(name));
    if (found.length === 0) return `[no file below ${folder} fits ${pattern}]`;
    const rest = found.length - SHOWN;
    return [...found.slice(0, SHOWN), ...(rest > 0 ? [`[${rest} more; use a narrower pattern]`] : [])].join("\n");
  },
});
