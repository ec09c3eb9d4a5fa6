// `bun run demo` shows the main job for real, in a repository of its own. `--readme` puts what it printed into README.md.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");
const START = "<!-- transcript: bun scripts/demo.ts --readme -->";
const END = "<!-- /transcript -->";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "glue-demo-")));
const project = join(folder, "hello");
const transcript: string[] = [];

try {
  const glue = await build();
  const env = {
    ...process.env,
    PATH: `${dirname(glue)}${delimiter}${process.env.PATH ?? ""}`,
    HOME: folder,
    GLUE_HOME: undefined,
    // Where docker keeps its contexts, whatever HOME is here.
    DOCKER_CONFIG: process.env.DOCKER_CONFIG ?? join(homedir(), ".docker"),
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_AUTHOR_NAME: "Ada",
    GIT_AUTHOR_EMAIL: "ada@example.com",
    GIT_COMMITTER_NAME: "Ada",
    GIT_COMMITTER_EMAIL: "ada@example.com",
    NO_COLOR: "1",
  };
  const image = await localImage();
  if (image !== undefined) Object.assign(env, { GLUE_DOCKER_IMAGE: image });
  makeProject(env);
  await show("git status --short", env);
  await show("glue run -- sh check.sh", env);
  if (image === undefined) say("No Docker Engine answers, or it holds no image: what follows is on the host only.");
  else {
    await show("glue run -r docker -- sh check.sh", env);
    await show('seq 1000 | glue run -r docker -- sh -c "wc -l; exit 3"; echo "status $?"', env);
  }
  await show('glue run --timeout 1s -- sleep 60; echo "status $?"', env);
  await circle("glue run --copy -- sh -c 'sed -i s/Wrold/World/ hello.txt; rm todo.txt'", env);
  if (image !== undefined) await circle("glue run -r docker --copy -- sh -c 'tr a-z A-Z <hello.txt >loud.txt'", env);
  await show("git log --oneline --graph --all", env);
  if (process.argv.includes("--readme")) intoReadme();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The binary of these sources; building takes two seconds. */
async function build(): Promise<string> {
  const built = Bun.spawn([process.execPath, join(ROOT, "scripts/build.ts")], { cwd: ROOT, stdout: 2, stderr: 2 });
  if ((await built.exited) !== 0) throw new Error("the build failed");
  return join(ROOT, "dist", "glue");
}

/** An image that need not be pulled, preferably the default one; undefined where no engine answers. */
async function localImage(): Promise<string | undefined> {
  if (Bun.which("docker") === null) return undefined;
  const list = Bun.spawn(["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"], {
    stderr: "ignore",
    timeout: 10_000,
  });
  const names = (await list.stdout.text()).split("\n");
  for (const wanted of [/^ubuntu:24\.04$/, /^(ubuntu|debian|alpine):/, /\/(ubuntu|debian|alpine):/]) {
    const found = names.find((name) => wanted.test(name));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A repository with a change that is not committed and a file that is not tracked: what work looks like. */
function makeProject(env: Record<string, string | undefined>): void {
  mkdirSync(project);
  const script = [
    ". /etc/os-release 2>/dev/null || PRETTY_NAME=$(uname -s)",
    'echo "$PRETTY_NAME, in $PWD: $(cat hello.txt)"',
    'test -f todo.txt && echo "todo: $(cat todo.txt)"',
  ];
  writeFileSync(join(project, "check.sh"), `${script.join("\n")}\n`);
  writeFileSync(join(project, "hello.txt"), "Hello\n");
  const git = (...words: string[]) => Bun.spawnSync(["git", ...words], { cwd: project, env });
  git("init", "-q", "-b", "main");
  git("add", "-A");
  git("commit", "-q", "-m", "Say hello");
  writeFileSync(join(project, "hello.txt"), "Hello, Wrold!\n");
  writeFileSync(join(project, "todo.txt"), "mend the typo\n");
}

/** The main job: the tree as it is goes there, what became of it comes back, and lands as a branch. */
async function circle(run: string, env: Record<string, string | undefined>): Promise<void> {
  await show(run, env);
  await show("git status --short", env);
  await show("glue session diff", env);
  await show("glue session apply", env);
}

/** Runs a command line as a user would, and shows it with all that it printed. Throws where it ends otherwise than it should. */
async function show(command: string, env: Record<string, string | undefined>): Promise<void> {
  say(`$ ${command}`);
  const ran = Bun.spawn(["sh", "-c", `exec 2>&1; ${command}`], { cwd: project, env, stdin: "ignore" });
  const output = await ran.stdout.text();
  if (output !== "") say(output.trimEnd().replaceAll(folder, "~"));
  const status = await ran.exited;
  if (status !== 0) throw new Error(`"${command}" ended with ${status}`);
}

function say(text: string): void {
  transcript.push(text);
  process.stdout.write(`${text}\n`);
}

function intoReadme(): void {
  const path = join(ROOT, "README.md");
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const [start, end] = [text.indexOf(START), text.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`README.md lacks the lines "${START}" and "${END}"`);
  const block = `${START}\n\n\`\`\`console\n${transcript.join("\n")}\n\`\`\`\n\n`;
  writeFileSync(path, text.slice(0, start) + block + text.slice(end));
}
