/** What the host runtime needs on this machine, and what of it is there. */
import type { Check, Options } from "../contract.ts";
import { isGlueError } from "../contract.ts";
import { hostSh } from "./end-tree.ts";

export async function diagnoseHost(options: Options): Promise<Check[]> {
  return [checkSh(), checkShell(options["shell.executable"]), await checkGit()];
}

function checkSh(): Check {
  try {
    return { name: "sh", status: "ok", detail: hostSh() };
  } catch (error) {
    if (!isGlueError(error)) throw error;
    return { name: "sh", status: "missing", detail: "not found", fix: "Install a POSIX shell as /bin/sh." };
  }
}

function checkShell(shell: string): Check {
  const found = Bun.which(shell);
  if (found !== null) return { name: "shell.executable", status: "ok", detail: found };
  return {
    name: "shell.executable",
    status: "missing",
    detail: `${shell} was not found`,
    fix: "glue run --set shell.executable=sh …",
  };
}

async function checkGit(): Promise<Check> {
  const git = Bun.which("git");
  if (git === null) {
    return {
      name: "git",
      status: "warn",
      detail: "not found; needed for --copy and for the cloud",
      fix: "Install git.",
    };
  }
  const asked = Bun.spawn([git, "--version"], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  const version = (await new Response(asked.stdout).text()).trim();
  if ((await asked.exited) === 0) return { name: "git", status: "ok", detail: `${version} (${git})` };
  return { name: "git", status: "missing", detail: `${git} does not run`, fix: "Mend or remove that git." };
}
