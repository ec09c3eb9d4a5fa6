import { quote } from "../common/command-line.ts";
import { killArgv } from "../common/launch.ts";
import { type ByteStream, GlueError } from "../contract.ts";
import { type Place, spoolOf } from "./place.ts";
import { type Mark, type Poll, parsePoll } from "./poll.ts";
import { Residency } from "./residency.ts";
import { type PlainCommand, startText } from "./resident.ts";
import { SUDO } from "./sudo.ts";
import type { Toolbox } from "./toolbox.ts";

/** Output up to this size comes with the answer that tells of it, as base64; more is fetched as it is. Bytes. */
const INLINE_BYTES = 200_000;
/** What the sandbox may take over a step beside the time it is to wait. Seconds. */
const SLACK_SECONDS = 20;

export interface PollQuestion {
  readonly wanted: { readonly stdout: boolean; readonly stderr: boolean };
  readonly marks: { readonly stdout: Mark; readonly stderr: Mark };
  /** Whether the end is known already, and no news. */
  readonly known: boolean;
  readonly ms: number;
  readonly signal?: AbortSignal;
}

const FROM_THE_START = {
  wanted: { stdout: true, stderr: true },
  marks: { stdout: { piece: 0, offset: 0 }, stderr: { piece: 0, offset: 0 } },
  known: false,
};

export interface StartRequest {
  /** What `sh` runs: the launcher with the command behind it. */
  readonly script: string;
  /** The command, where there is nothing that the launcher has to see to while it runs. */
  readonly plain: PlainCommand | undefined;
  /** `pieces`: they follow, by `feed`. A file of the spool is named by its bytes' being there already. */
  readonly stdin: "none" | "pieces" | "stored" | Uint8Array;
  readonly ms: number;
}

/** The spool of a sandbox: where commands are started and what they print is kept until it is here. */
export class Spool {
  readonly #toolbox: Toolbox;
  readonly #place: Place;
  /** Commands whose files can go, with the next start. */
  #finished: string[] = [];
  /** Commands that may yet be started by a word which is still on its way: the lock that stops it stays. */
  readonly #doubtful = new Set<string>();
  readonly residency: Residency;

  constructor(toolbox: Toolbox, place: Place) {
    this.#toolbox = toolbox;
    this.#place = place;
    this.residency = new Residency(toolbox, place);
  }

  get folder(): string {
    return spoolOf(this.#place);
  }

  finished(id: string): void {
    if (!this.#doubtful.delete(id)) this.#finished.push(id);
  }

  /** Starts a command and waits a moment for news of it. A start that arrives twice starts once. */
  async start(id: string, request: StartRequest): Promise<Poll> {
    const old = this.#finished.splice(0, 50);
    const { script, plain, stdin, ms } = request;
    if (stdin === "none" || typeof stdin !== "string") {
      const asked = this.residency.here;
      const bytes = typeof stdin === "string" ? undefined : stdin;
      const poll = await this.residency.start(id, { command: plain ?? script, stdin: bytes, ms, old });
      if (poll !== undefined) return poll;
      if (asked) this.#doubtful.add(id);
    }
    return await this.#request(id, request, old);
  }

  /** Starts it by a request, in the sandbox's shell; without one where perl can do it, which takes far fewer programs. */
  async #request(id: string, { script, plain, stdin, ms }: StartRequest, old: readonly string[]): Promise<Poll> {
    const { sh, own, perl } = this.#place;
    const kind = typeof stdin === "string" ? { none: "none", pieces: "pieces", stored: "file" }[stdin] : "file";
    const words = [sh, `${own}/carry.sh`, "start", sh, this.folder, id, kind].map(quote).join(" ");
    // What it is told goes into a file: on a command line everybody in the sandbox would see the variables.
    const once =
      perl === undefined || plain === undefined || kind === "pieces"
        ? undefined
        : {
            words: startText(id, { command: plain, stdin: kind === "file" ? "stored" : undefined, ms, old }).toString(),
            line: `exec ${[perl, `${own}/resident.pl`, "once", this.folder, sh, `${id}.run`].map(quote).join(" ")} </dev/null`,
          };
    const lines = [
      `cd ${quote(this.folder)} || exit`,
      "glue_mine=no",
      // Made by whoever is first; a redirection costs no process.
      `set -C`,
      `if { true >${id}.lock; } 2>/dev/null; then`,
      `set +C`,
      ...(once === undefined ? old.map((name) => `rm -rf ${name}.*`) : []),
      ...(typeof stdin === "string"
        ? []
        : [`printf %s ${quote(Buffer.from(stdin).toString("base64"))} | base64 -d >${id}.stdin`]),
      `printf %s ${quote(once?.words ?? script)} >${id}.run || { rm -rf ${id}.lock; exit; }`,
      once?.line ?? "glue_mine=yes",
      `elif [ ! -e ${id}.lock ]; then exit`,
      "fi",
      `exec ${words} $glue_mine ${INLINE_BYTES} ${ms} 1 0 0 1 0 0 0 </dev/null`,
    ];
    const said = await this.#toolbox.execute(`${lines.join("\n")}\n`, { seconds: ms / 1_000 + SLACK_SECONDS });
    // What started it was killed, by the command as a rule, before it could answer: the spool tells the rest.
    if (said === "") return await this.poll(id, { ...FROM_THE_START, ms });
    return parsePoll(said);
  }

  async poll(id: string, { wanted, marks, known, ms, signal }: PollQuestion): Promise<Poll> {
    const { sh, own } = this.#place;
    const words = [sh, `${own}/carry.sh`, "poll", sh, this.folder, id].map(quote).join(" ");
    const of = (want: boolean, { piece, offset }: Mark) => `${want ? 1 : 0} ${piece} ${offset}`;
    const numbers = `${INLINE_BYTES} ${ms} ${of(wanted.stdout, marks.stdout)} ${of(wanted.stderr, marks.stderr)} ${known ? 1 : 0}`;
    return parsePoll(
      await this.#toolbox.execute(`exec ${words} ${numbers} </dev/null\n`, {
        seconds: ms / 1_000 + SLACK_SECONDS,
        signal,
      }),
    );
  }

  /** Bytes of a piece of a command's output. */
  async piece(id: string, which: "o" | "e", piece: number, from: number, to: number): Promise<ByteStream> {
    const found = await this.#toolbox.download(`${this.folder}/${id}.${which}.${piece}`, from, to);
    if (found === undefined)
      throw new GlueError(
        "outcomeUnknown",
        "Output of the command was removed from the sandbox before it was fetched.",
      );
    return found;
  }

  /** Ends the tree of a command, by root where sudo allows it: a part of it may have become another user. */
  async kill(id: string, graceMs: number): Promise<void> {
    const { sh, own } = this.#place;
    const argv = killArgv({ id, spool: this.folder, graceMs }, { file: `${own}/launch.sh`, sh });
    const script = `${SUDO}$glue_sudo ${argv.map(quote).join(" ")} </dev/null >/dev/null 2>&1\nglue_code=$?\necho ':glue:'\necho "$glue_code"\necho ':end:'\n`;
    const said = await this.#toolbox.execute(script, { seconds: graceMs / 1_000 + 30 });
    if (said.trim() === "0") return;
    throw new GlueError("processesLeft", "Not every process of the command could be ended.");
  }

  /** Puts the next piece of a command's stdin behind those before, or says that there are no more (`undefined`). Waits for room. */
  async feed(id: string, number: number, bytes: Uint8Array | undefined, signal: AbortSignal): Promise<void> {
    const file = `${id}.i.${number}`;
    let store: string;
    if (bytes === undefined) {
      store = `echo ${number} >${id}.i.end.new && mv ${id}.i.end.new ${id}.i.end`;
    } else if (bytes.length <= INLINE_BYTES / 4) {
      store = `printf %s ${quote(Buffer.from(bytes).toString("base64"))} | base64 -d >${file}.new && mv ${file}.new ${file}`;
    } else {
      await this.#toolbox.upload(`${this.folder}/${file}.new`, [bytes], signal);
      store = `mv ${file}.new ${file}`;
    }
    // A piece is put there once, by whichever of two calls is first; and it may be used up before the second looks.
    const script = [
      `cd ${quote(this.folder)} || exit`,
      `if mkdir ${file}.lock 2>/dev/null; then { ${store}; } || { rmdir ${file}.lock; exit; }; fi`,
      `glue_left=150`,
      `while [ -e ${id}.i.${number - 2} ] && [ ! -e ${id}.over ] && [ $glue_left -gt 0 ]; do sleep 0.1 || sleep 1; glue_left=$((glue_left - 1)); done`,
      `echo ':glue:'`,
      `if [ -e ${id}.i.${number - 2} ] && [ ! -e ${id}.over ]; then echo full; else echo go; fi`,
      `echo ':end:'`,
    ].join("\n");
    const run = () => this.#toolbox.execute(`${script}\n`, { seconds: 15 + SLACK_SECONDS, signal });
    while ((await run()).trim() === "full");
  }
}
