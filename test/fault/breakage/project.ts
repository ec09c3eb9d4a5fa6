/** A user's repository, with uncommitted work in it. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export function project(parent: string): string {
  const cwd = join(parent, "project");
  mkdirSync(join(cwd, "src"), { recursive: true });
  for (let n = 0; n < 50; n++) writeFileSync(join(cwd, "src", `file-${n}`), `${n}\n`.repeat(n));
  git(cwd, "init", "-q", "-b", "main");
  git(cwd, "add", ".");
  git(cwd, "commit", "-q", "-m", "first");
  writeFileSync(join(cwd, "src", "file-1"), "changed, and not committed\n");
  writeFileSync(join(cwd, "untracked"), "untracked\n");
  return cwd;
}

export function git(cwd: string, ...words: string[]): string {
  const done = Bun.spawnSync(["git", "-c", "user.name=A", "-c", "user.email=a@example.com", ...words], {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", GIT_OPTIONAL_LOCKS: "0" },
  });
  return done.stdout.toString();
}

/** The user's files and repository, but for the branches that glue lands. */
export function fingerprint(cwd: string): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const name of readdirSync(cwd, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(join(cwd, ".git")) || path.endsWith("/index") || path.endsWith("/HEAD"))
    .sort()) {
    hash.update(name).update(readFileSync(name));
  }
  hash.update(git(cwd, "rev-parse", "HEAD", "main"));
  return hash.digest("hex");
}
