import { expect } from "bun:test";
import { join } from "node:path";
import { openHome } from "../../session/home.ts";
import { sessionIds } from "../../session/store.ts";
import { glue } from "./glue.ts";
import type { AgentPlace } from "./mcp-agent.ts";
import { gitIn } from "./small-project.ts";

const MAIN = join(import.meta.dir, "../../cmd/main.ts");

/** A person at a terminal of 80 by 24: types, and looks at what is shown. */
export class Typist {
  shown = "";
  readonly #child;
  #seen = 0;

  /** The folder has to be there, and of the environment nothing is added to but the terminal's kind. */
  constructor(
    command: readonly string[],
    { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ) {
    this.#child = Bun.spawn([...command], {
      cwd,
      env: { TERM: "xterm-256color", ...env },
      terminal: {
        cols: 80,
        rows: 24,
        data: (_terminal, bytes) => {
          this.shown += new TextDecoder().decode(bytes, { stream: true });
        },
      },
    });
  }

  type(keys: string): void {
    this.#child.terminal?.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#child.terminal?.resize(columns, rows);
  }

  /** Waits until `text` is shown after what was waited for last. */
  async sees(text: string): Promise<void> {
    const deadline = performance.now() + 30_000;
    for (;;) {
      const at = this.shown.indexOf(text, this.#seen);
      if (at >= 0) {
        this.#seen = at + text.length;
        return;
      }
      if (performance.now() > deadline)
        throw new Error(`"${text}" was not shown, but: ${this.shown.slice(this.#seen)}`);
      await Bun.sleep(10);
    }
  }

  /** Types a line and waits for what it shows; the line itself does not hold `text` as it stands. */
  async does(line: string, text: string): Promise<void> {
    this.type(`${line}\r`);
    await this.sees(text);
  }

  async ended(): Promise<number> {
    const code = await this.#child.exited;
    this.#child.terminal?.close();
    return code;
  }
}

/** What every shell is put to. */
export async function worksIn(typist: Typist): Promise<void> {
  await typist.does("PS1='re''ady> '", "ready> ");
  await typist.does("stty size; test -t 0 && test -t 1 && echo termi''nal", "24 80");
  await typist.sees("terminal");
  typist.resize(101, 33);
  await Bun.sleep(500);
  await typist.does("stty size", "33 101");
  // A child is interrupted, and the shell goes on.
  await typist.does("echo be''gun; sleep 300", "begun");
  await Bun.sleep(300);
  typist.type("\x03");
  await typist.does("echo sta''tus $?", "status 130");
  // One that is stopped can be gone on with.
  await typist.does("echo a''gain; sleep 1.5 && echo sle''pt", "again");
  await Bun.sleep(300);
  typist.type("\x1a");
  await typist.sees("topped");
  await typist.does("jobs", "topped");
  typist.type("fg\r");
  await Bun.sleep(1_600);
  await typist.does("echo grü''ße ✓ 日''本", "grüße ✓ 日本");
  await typist.does("printf '\\033[31m%s\\033[0m\\n' r''ed", "\x1b[31mred\x1b[0m");
}

/** A whole `glue shell` on a runtime, in a session of its own: a real terminal whose exit code comes back, and whose files do. */
export async function shellSession({ runtime, cwd, env }: Omit<AgentPlace, "flags">): Promise<void> {
  const typist = new Typist([process.execPath, MAIN, "shell", "-r", runtime], { cwd, env });
  await typist.sees(`In a session of its own, on ${runtime}`);
  await worksIn(typist);
  if (Bun.which("vim") !== null) {
    typist.type("vim -u NONE -N made\r");
    await typist.sees("made");
    typist.type("ihello from vim ✓\x1b");
    // What follows an escape at once is taken for a key of the keyboard.
    await Bun.sleep(500);
    typist.type(":wq\r");
    await typist.sees("ready> ");
    await typist.does('echo "[$(cat made)]"', "[hello from vim ✓]");
  }
  typist.type("seq 500 | less\r");
  await Bun.sleep(500);
  typist.type("G");
  await typist.sees("500");
  typist.type("q");
  await typist.does("echo new > typed; echo ba''ck", "back");
  typist.type("exit 9\r");
  expect(await typist.ended()).toBe(9);
  const [id = ""] = sessionIds(openHome(env));
  expect((await glue(openHome(env), ["session", "apply", id], { cwd, env })).code).toBe(0);
  expect(gitIn(cwd, "show", `glue/${id}:typed`)).toBe("new\n");
}
