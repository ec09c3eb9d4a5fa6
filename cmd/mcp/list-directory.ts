import { defineTool } from "./tool.ts";

const SHOWN = 1_000;

export const listDirectory = defineTool({
  name: "list_directory",
  description:
    "List a folder of the session: a line an entry, folders with a slash, files with their size in bytes, links with where they lead.",
  params: {
    path: {
      type: "string",
      description: "Relative to the project folder, or absolute in the sandbox. Default: the project folder.",
    },
  },
  readOnly: true,
  async run({ path: given = "." }, call) {
    const session = await call.workshop.session(call);
    const path = call.workshop.path(session, given);
    const text = new TextDecoder();
    const entries = (await session.runtime.workspace.list(path))
      .map(({ name, type, size, linkTarget }) => {
        const shown = text.decode(name);
        if (type === "directory") return `${shown}/`;
        if (type === "symlink") return `${shown} -> ${text.decode(linkTarget ?? new Uint8Array())}`;
        return type === "file" ? `${shown} (${size})` : `${shown} (neither file, folder nor link)`;
      })
      .sort();
    if (entries.length === 0) return `[${path} is empty]`;
    const rest = entries.length - SHOWN;
    return [...entries.slice(0, SHOWN), ...(rest > 0 ? [`[${rest} more; use glob, or bash with ls]`] : [])].join("\n");
  },
});
