import { GlueError } from "../../spec/glue-error.ts";
import { lastLine, render, renderPage } from "./output.ts";
import { defineTool } from "./tool.ts";

const id = { type: "string", required: true, description: "The id that bash returned, for instance 1 or c3." } as const;

export const jobOutput = defineTool({
  name: "job_output",
  description:
    "Read what a job has written since you last asked, and whether it still runs or how it ended. With wait it waits for the end first. With offset it reads one stream again from that byte on: use it for output that an answer left out.",
  params: {
    id,
    wait: {
      type: "integer",
      minimum: 0,
      description: "Wait up to this many seconds for it to end (at most about 45). Default 0.",
    },
    stream: { type: "string", description: "stdout or stderr, with offset. Default stdout." },
    offset: { type: "integer", minimum: 0, description: "Read from this byte of the stream on." },
  },
  readOnly: true,
  async run({ id: given, wait = 0, stream = "stdout", offset }, call) {
    if (stream !== "stdout" && stream !== "stderr")
      throw new GlueError("optionInvalid", `job_output: stream has to be stdout or stderr, and not ${stream}.`);
    const session = await call.workshop.session(call);
    const work = call.workshop.work(session, given);
    const waitMs = Math.min(wait * 1_000, call.until - performance.now());
    call.tell(() => `waiting for job ${given}`);
    const state = await work.wait(Math.max(0, waitMs), call.signal);
    call.tell(() => `reading job ${given}`);
    return offset === undefined ? await render(work, state) : await renderPage(work, state, stream, offset);
  },
});

export const jobKill = defineTool({
  name: "job_kill",
  description: "End a job and everything that it started: first with TERM, then with KILL. Returns what it wrote last.",
  params: { id },
  async run({ id: given }, call) {
    const session = await call.workshop.session(call);
    const work = call.workshop.work(session, given);
    const before = await work.wait(0);
    if (!before.running) return `[it was over already]\n${await render(work, before)}`;
    call.tell(() => `ending job ${given}`);
    const state = await work.kill();
    const last = await lastLine(work, state);
    const text = await render(work, state);
    return text === "" ? last : text;
  },
});
