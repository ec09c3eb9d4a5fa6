import { expect } from "bun:test";
import { type Bench, finish } from "../bench.ts";

/** Commands in a terminal. */
export function terminal(bench: Bench): void {
  const pty = { columns: 91, rows: 17, term: "xterm" };

  bench.shows(
    "command_streaming",
    "a command can have a terminal, of the size given, and type it knows",
    async ({ start }) => {
      const script =
        'test -t 0 && test -t 1 && test -t 2 && echo "tty $TERM"; sleep 0.3; stty size; echo err >&2; exit 5';
      const ended = await finish(await start({ argv: ["sh", "-c", script] }, { pty }));
      expect(ended.exitCode).toBe(5);
      expect(ended.out.replaceAll("\r\n", "\n")).toContain("tty xterm\n17 91\nerr\n");
      expect(ended.err).toBe("");
    },
  );

  bench.shows(
    "command_streaming",
    "what is typed arrives, Ctrl-C included, and a new size is seen",
    async ({ start }) => {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const keys = writable.getWriter();
      const script = 'trap "stty size; exit 3" INT; read -r l; echo "got $l"; while :; do sleep 0.1; done';
      const running = await start({ argv: ["sh", "-c", script] }, { pty, stdin: readable });
      const reader = running.stdout.getReader();
      let seen = "";
      const see = async (text: string) => {
        while (!seen.includes(text)) {
          const { value, done } = await reader.read();
          if (done) throw new Error(`the terminal closed without ${text}: ${seen}`);
          seen += new TextDecoder().decode(value);
        }
      };
      await keys.write(new TextEncoder().encode("hello\n"));
      await see("got hello");
      await running.resize({ columns: 44, rows: 11 });
      await Bun.sleep(200);
      await keys.write(new Uint8Array([3]));
      await see("11 44");
      // The command may be over by now, and what it read from let go of.
      await keys.close().catch(() => undefined);
      await reader.cancel();
      expect((await running.wait()).exitCode).toBe(3);
    },
  );
}
