import type { ByteStream } from "../runtimes/contract.ts";
import type { Io } from "./io.ts";

/** Shows a text: through the user's pager where stdout is a terminal, else as it is. A pager that is closed early ends it quietly. */
export async function page(text: ByteStream, io: Io): Promise<void> {
  const pager = io.env.GIT_PAGER ?? io.env.PAGER ?? "less";
  if (!io.terminal.isTTY(1) || pager === "" || pager === "cat") return await print(text, io);
  io.endProgress();
  const child = Bun.spawn(["sh", "-c", pager], {
    env: { LESS: "FRX", LV: "-c", ...io.env },
    stdin: text,
    stdout: "inherit",
    stderr: "inherit",
  });
  await child.exited;
}

async function print(text: ByteStream, io: Io): Promise<void> {
  for await (const bytes of text) io.out(bytes);
}
