import { constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import type { FileSink, Subprocess } from "bun";
import { splitMarks, stripMarks } from "./marks.ts";
import { bodyOf, failure, json, userShell } from "./reply.ts";
import { endTree } from "./tree.ts";
import { wantsJson, wantsMarks } from "./version.ts";

export interface SessionCommand {
  readonly id: string;
  readonly command: string;
  readonly folder: string;
}

interface Session {
  readonly id: string;
  readonly shell: Subprocess<"pipe", "ignore", "ignore">;
  readonly commands: Map<string, SessionCommand>;
}

/** Sessions: a shell each, to which one command after the other is fed. */
export class Sessions {
  readonly #folder: string;
  readonly #sessions = new Map<string, Session>();

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  find(session: string, command: string): SessionCommand | undefined {
    return this.#sessions.get(session)?.commands.get(command);
  }

  async handle(path: string, request: Request): Promise<Response> {
    const [, sid, verb, cid, what] =
      /^\/process\/session(?:\/([^/]+)(?:\/(exec|command)(?:\/([^/]+)(?:\/(logs|input))?)?)?)?$/.exec(path) ?? [];
    const { method } = request;
    if (sid === undefined)
      return method === "POST" ? await this.#create(request) : json([...this.#sessions.values()].map(describe));
    const session = this.#sessions.get(sid);
    if (session === undefined) return failure(request, 404, "session not found", "NOT_FOUND");
    if (verb === undefined) return method === "DELETE" ? await this.#remove(session) : json(describe(session));
    if (verb === "exec") return await this.#exec(session, request);
    const command = session.commands.get(cid ?? "");
    if (command === undefined) return failure(request, 404, "command not found", "NOT_FOUND");
    if (what === "logs") return logsOf(command, request);
    if (what === "input") return await input(command, request);
    try {
      return json(describeCommand(command));
    } catch {
      return failure(request, 500, "failed to convert exit code to int", "INTERNAL_SERVER_ERROR");
    }
  }

  async #create(request: Request): Promise<Response> {
    const { sessionId } = await bodyOf(request);
    if (typeof sessionId !== "string" || !/^[A-Za-z0-9_-]+$/.test(sessionId) || sessionId === "entrypoint") {
      return failure(request, 400, "invalid session id");
    }
    if (this.#sessions.has(sessionId)) return failure(request, 409, "session already exists", "CONFLICT");
    const shell = Bun.spawn([userShell()], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
      cwd: process.env.HOME ?? "/",
      detached: true,
    });
    this.#sessions.set(sessionId, { id: sessionId, shell, commands: new Map() });
    return new Response(null, { status: 201 });
  }

  async #remove(session: Session): Promise<Response> {
    this.#sessions.delete(session.id);
    await endTree(session.shell.pid);
    rmSync(`${this.#folder}/${session.id}`, { recursive: true, force: true });
    return new Response(null, { status: 204 });
  }

  async #exec(session: Session, request: Request): Promise<Response> {
    const { command: text, runAsync, async: alsoAsync } = await bodyOf(request);
    if (typeof text !== "string" || text === "") return failure(request, 400, "empty command");
    if (session.shell.exitCode !== null || session.shell.signalCode !== null)
      return failure(request, 400, "failed to write command");
    const background = runAsync === true || alsoAsync === true;
    const id = crypto.randomUUID();
    const folder = `${this.#folder}/${session.id}/${id}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/command`, text);
    writeFileSync(`${folder}/log`, "");
    const command: SessionCommand = { id, command: text, folder };
    session.commands.set(id, command);
    await feed(session.shell.stdin, wrapper(folder, background));
    if (background) return json({ cmdId: id, output: null, stdout: null, stderr: null, exitCode: null }, 202);
    for (;;) {
      const code = exitCodeOf(command);
      if (code !== undefined) return json({ cmdId: id, ...shown(command, request), exitCode: code });
      await Bun.sleep(50);
    }
  }
}

async function feed(stdin: FileSink, text: string): Promise<void> {
  stdin.write(text);
  await stdin.flush();
}

/**
 * What the session's shell is told: source the command's text, stdin from a pipe that stays open (or at EOF), both outputs through a
 * loop that marks each line and appends it to one log, and the exit code written when both loops are done.
 */
function wrapper(folder: string, background: boolean): string {
  const stdin = background ? `<>"${folder}/in"` : "</dev/null";
  const label = (mark: string, from: string) =>
    `( while IFS= read -r line || [ -n "$line" ]; do printf '${mark}${mark}${mark}%s\\n' "$line"; done <"${folder}/${from}" >>"${folder}/log" ) &`;
  return [
    `mkfifo "${folder}/in" "${folder}/out" "${folder}/err"`,
    label("\\001", "out"),
    "glue_double_a=$!",
    label("\\002", "err"),
    "glue_double_b=$!",
    `{ . "${folder}/command"; } ${stdin} >"${folder}/out" 2>"${folder}/err"`,
    "glue_double_code=$?",
    "wait $glue_double_a $glue_double_b",
    `rm -f "${folder}/in"; echo $glue_double_code >"${folder}/exit.new"; mv "${folder}/exit.new" "${folder}/exit"`,
    "",
  ].join("\n");
}

export function exitCodeOf(command: SessionCommand): number | undefined {
  const file = `${command.folder}/exit`;
  if (!existsSync(file)) return undefined;
  return Number(readFileSync(file, "utf8"));
}

function describe(session: Session): unknown {
  return { sessionId: session.id, commands: [...session.commands.values()].map(describeCommand) };
}

function describeCommand(command: SessionCommand): unknown {
  const exitCode = exitCodeOf(command);
  return { id: command.id, command: command.command, ...(exitCode === undefined ? {} : { exitCode }) };
}

function shown(command: SessionCommand, request: Request): Record<string, unknown> {
  const log = readFileSync(`${command.folder}/log`);
  if (!wantsJson(request.headers)) return { output: (wantsMarks(request.headers) ? log : stripMarks(log)).toString() };
  const { stdout, stderr } = splitMarks(log);
  return { output: log.toString(), stdout: stdout.toString(), stderr: stderr.toString() };
}

function logsOf(command: SessionCommand, request: Request): Response {
  const log = readFileSync(`${command.folder}/log`);
  if (wantsJson(request.headers)) return json(shown(command, request));
  return new Response(new Uint8Array(wantsMarks(request.headers) ? log : stripMarks(log)), {
    headers: { "content-type": "text/plain" },
  });
}

async function input(command: SessionCommand, request: Request): Promise<Response> {
  const { data } = await bodyOf(request);
  if (exitCodeOf(command) !== undefined)
    return failure(request, 410, "command already completed", "COMMAND_ALREADY_COMPLETED");
  try {
    const pipe = await open(`${command.folder}/in`, constants.O_WRONLY | constants.O_NONBLOCK);
    const text = String(data);
    await pipe.write(text.endsWith("\n") ? text : `${text}\n`);
    await pipe.close();
  } catch {
    return failure(request, 500, "failed to write input", "INTERNAL_SERVER_ERROR");
  }
  return new Response(null, { status: 204 });
}
