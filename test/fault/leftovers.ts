import { readdirSync, readFileSync } from "node:fs";

/** Everything of a session that still exists on this machine: processes that carry its mark, containers with its label. */
export function leftovers(runtime: "host" | "docker", id: string): string[] {
  return runtime === "host" ? markedProcesses(id) : containers(id);
}

/** Looked for by other means than glue's own: by the mark in the environment of every process. */
function markedProcesses(id: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "latin1").includes(`GLUE_COMMAND=${id}_`)) continue;
      found.push(`${pid} ${readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ")}`);
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

function containers(id: string): string[] {
  const argv = [
    "docker",
    "ps",
    "--all",
    "--filter",
    `label=dev.glue.session=${id}`,
    "--format",
    "{{.Names}} {{.Status}}",
  ];
  const child = Bun.spawnSync(argv);
  if (!child.success) throw new Error(`docker ps: ${child.stderr}`);
  return child.stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "");
}
