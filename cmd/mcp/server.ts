import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { GLUE_VERSION } from "../../session/meta.ts";
import { GlueError } from "../../spec/glue-error.ts";
import { asGlueError } from "../report.ts";
import { bash } from "./bash.ts";
import { editFile } from "./edit-file.ts";
import { glob } from "./glob.ts";
import { grep } from "./grep.ts";
import { jobKill, jobOutput } from "./job-tools.ts";
import { listDirectory } from "./list-directory.ts";
import { readFile } from "./read-file.ts";
import { sessionDiff } from "./session-diff.ts";
import { type AnyTool, type Call, type Content, checkArgs, schemaOf } from "./tool.ts";
import { within } from "./work.ts";
import type { Workshop } from "./workshop.ts";
import { writeFile } from "./write-file.ts";

const TOOLS: readonly AnyTool[] = [
  bash,
  readFile,
  writeFile,
  editFile,
  listDirectory,
  glob,
  grep,
  jobOutput,
  jobKill,
  sessionDiff,
];

/** How often the client hears of a call that goes on. Milliseconds. */
const PROGRESS_MS = 5_000;
/** What a tool has to answer after its own time is up. Milliseconds. */
const LAST_MS = 3_000;

export interface ServerOptions {
  /** How long a call may take. Milliseconds. */
  readonly answerMs: number;
  /** What the model is told of where it works. */
  readonly instructions: string;
}

/** The tools as an MCP server, not connected yet. */
export function createServer(workshop: Workshop, { answerMs, instructions }: ServerOptions): Server {
  const server = new Server({ name: "glue", version: GLUE_VERSION }, { capabilities: { tools: {} }, instructions });
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: TOOLS.map(({ name, description, params, readOnly }) => ({
      name,
      description,
      inputSchema: schemaOf(params),
      annotations: { readOnlyHint: readOnly === true, openWorldHint: name === "bash" },
    })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const began = performance.now();
    let status = () => workshop.opening;
    const call: Call = {
      workshop,
      signal: extra.signal,
      until: began + answerMs,
      tell: (say) => {
        status = say;
      },
    };
    const token = params._meta?.progressToken;
    let step = 0;
    const progress = setInterval(() => {
      if (token === undefined) return;
      const message = `${Math.round((performance.now() - began) / 1_000)} s: ${status()}`;
      const notification = { progressToken: token, progress: ++step, message };
      // A client that is gone needs no progress.
      extra.sendNotification({ method: "notifications/progress", params: notification }).catch(() => undefined);
    }, PROGRESS_MS);
    try {
      const content = await answer(params.name, params.arguments ?? {}, call);
      return { content: [typeof content === "string" ? { type: "text" as const, text: content } : content] };
    } catch (error) {
      return { isError: true, content: [{ type: "text" as const, text: errorText(error) }] };
    } finally {
      clearInterval(progress);
    }
  });
  return server;
}

/** What the tool answers, or after its time that it did not. */
async function answer(name: string, given: Record<string, unknown>, call: Call): Promise<string | Content> {
  const tool = TOOLS.find((one) => one.name === name);
  if (tool === undefined) {
    throw new GlueError("optionInvalid", `There is no tool ${name}.`, {
      hint: `There are: ${TOOLS.map((one) => one.name).join(", ")}.`,
    });
  }
  const running = tool.run(checkArgs(tool, given), call);
  await within(running, call.until + LAST_MS - performance.now(), call.signal);
  const late = new GlueError(
    "outcomeUnknown",
    `The sandbox did not answer in time. It is unknown whether ${name} was done.`,
    {
      hint: "Look before you repeat it.",
    },
  );
  return await Promise.race([running, Bun.sleep(call.signal.aborted ? LAST_MS : 0).then(() => Promise.reject(late))]);
}

function errorText(thrown: unknown): string {
  if (thrown instanceof DOMException && thrown.name === "AbortError") return "The call was cancelled.";
  const { code, message, hint } = asGlueError(thrown);
  return `Error (${code}): ${message}${hint === undefined ? "" : `\n${hint}`}`;
}
