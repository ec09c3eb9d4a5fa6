import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Everything below a folder of this machine, a line each: its name (as bytes in latin1), what it is, its mode, and its content or target. */
export function listing(top: string): string[] {
  const lines: string[] = [];
  const visit = (at: Buffer, name: string) => {
    const stat = lstatSync(at);
    const mode = (stat.mode & 0o777).toString(8);
    if (stat.isSymbolicLink()) lines.push(`${name} -> ${readlinkSync(at)}`);
    else if (!stat.isDirectory()) lines.push(`${name} file ${mode} ${Bun.hash(readFileSync(at))}`);
    else {
      lines.push(`${name} folder ${mode}`);
      for (const child of readdirSync(at, { encoding: "buffer" })) {
        visit(Buffer.concat([at, Buffer.from("/"), child]), `${name}/${child.toString("latin1")}`);
      }
    }
  };
  visit(Buffer.from(top), "");
  return lines.sort();
}
