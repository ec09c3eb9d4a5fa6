import { statSync } from "node:fs";
import { bodyOf, environmentOf, failure, json, userShell } from "./reply.ts";

/** `POST /process/execute`: the text goes to a shell's stdin; both streams come back as one text when the last writer has closed them. */
export async function execute(request: Request): Promise<Response> {
  const { command, cwd, timeout, envs } = await bodyOf(request);
  if (typeof command !== "string" || command === "") return failure(request, 400, "empty command");
  if (timeout !== undefined && (!Number.isInteger(timeout) || Number(timeout) < 0)) {
    return failure(request, 400, "cannot unmarshal number into Go struct field ExecuteRequest.timeout of type uint32");
  }
  const folder = typeof cwd === "string" && cwd !== "" ? cwd : (process.env.HOME ?? "/");
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    return json({ exitCode: -1, result: `chdir ${folder}: no such file or directory` });
  }
  const child = Bun.spawn(["sh", "-c", 'exec "$0" 2>&1', userShell()], {
    cwd: folder,
    env: { ...process.env, ...environmentOf(envs) },
    stdin: Buffer.from(command),
    stdout: "pipe",
    stderr: "ignore",
    detached: true,
  });
  let late = false;
  const seconds = Number(timeout ?? 0);
  const timer =
    seconds > 0
      ? setTimeout(() => {
          late = true;
          process.kill(-child.pid, "SIGKILL");
        }, seconds * 1_000)
      : undefined;
  const result = await new Response(child.stdout).text();
  await child.exited;
  clearTimeout(timer);
  if (late) return failure(request, 408, "command execution timeout", "REQUEST_TIMEOUT");
  return json({ exitCode: child.signalCode === null ? child.exitCode : -1, result });
}
