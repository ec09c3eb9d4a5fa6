import { recordEdit } from "../../session/record-edit.ts";
import { readWhole } from "./read-file.ts";
import { defineTool } from "./tool.ts";

export const writeFile = defineTool({
  name: "write_file",
  description:
    "Write a whole file of the session: makes it, with its folders, or replaces what it held. Refused where you read the file and something else has changed it since. To change a part of a file use edit_file.",
  params: {
    path: {
      type: "string",
      required: true,
      description: "Relative to the project folder, or absolute in the sandbox.",
    },
    content: { type: "string", required: true, description: "All that the file is to hold." },
  },
  async run({ path: given, content }, call) {
    const { workshop } = call;
    const session = await workshop.session(call);
    await workshop.facts(session);
    const path = workshop.path(session, given);
    return await workshop.seen.inTurn(path, async () => {
      const there = await session.runtime.workspace.stat(path);
      if (there !== undefined && workshop.seen.knows(path))
        workshop.seen.refuseChanged(path, (await readWhole(session, path)).bytes);
      call.signal.throwIfAborted();
      const bytes = new TextEncoder().encode(content);
      await session.runtime.workspace.write(path, bytes);
      workshop.seen.saw(path, bytes);
      recordEdit(session, ["write_file", path]);
      return `${there === undefined ? "Made" : "Replaced"} ${path}: ${bytes.length} bytes.`;
    });
  },
});
