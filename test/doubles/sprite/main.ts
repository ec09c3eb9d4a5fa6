/** The double's `sprite` program. What it prints and how it ends is what is known of the real one's, which promises neither. */
import { readFileSync, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { Failure, type Parsed, parse } from "./cli-arguments.ts";
import { exec } from "./cli-exec.ts";

/** The service, as the program's own configuration names it. */
export interface Service {
  readonly url: string;
  readonly token: string;
  ask(path: string, init?: RequestInit): Promise<Response>;
}

const NOT_LOGGED_IN = "no organizations configured. Run 'sprite login' to authenticate";

function connect(): Service {
  const state = process.env.FAKE_SPRITE_STATE;
  if (!state) throw new Failure(NOT_LOGGED_IN);
  const { url, token } = JSON.parse(readFileSync(`${state}/server.json`, "utf8")) as { url: string; token: string };
  return {
    url,
    token,
    async ask(path, init = {}) {
      let answer: Response;
      try {
        answer = await fetch(`${url}${path}`, {
          ...init,
          headers: { ...init.headers, authorization: `Bearer ${token}` },
        });
      } catch {
        throw new Failure("failed to connect: dial tcp: i/o timeout");
      }
      if (answer.status === 401) throw new Failure(NOT_LOGGED_IN);
      return answer;
    },
  };
}

const say = (text: string) => void writeSync(1, `${text}\n`);

async function run({ command, words, rest, flags }: Parsed): Promise<number> {
  const flag = (name: string) => flags.get(name)?.at(-1);
  if (flags.has("version")) {
    say("sprite version 2026-09-02");
    return 0;
  }
  if (command === undefined || flags.has("help")) {
    say("Command line client for Sprites");
    return 0;
  }
  if (!["create", "list", "exec", "destroy", "checkpoint", "restore", "api", "sessions"].includes(command)) {
    throw new Failure(`unknown command "${command}" for "sprite"`, 2);
  }
  const service = connect();
  const named = () => {
    const name = flag("sprite");
    if (name === undefined) throw new Failure("sprite name required: use -s flag or create a .sprite file");
    return name;
  };
  const path = () => `/v1/sprites/${named()}`;
  switch (command) {
    case "create": {
      // The real one opens a console and waits for a person.
      if (!flags.has("skip-console")) throw new Failure("--skip-console is missing: a console would open here");
      const body = JSON.stringify({ name: words[0], labels: flags.get("label") ?? [] });
      const answer = await service.ask("/v1/sprites", { method: "POST", body });
      if (!answer.ok) {
        const { error, message } = (await answer.json().catch(() => ({}))) as { error?: string; message?: string };
        throw new Failure(
          `Error creating sprite: failed to create sprite: ${message ?? error ?? `HTTP ${answer.status}`}`,
        );
      }
      say(`✓ Created sprite ${words[0]}`);
      return 0;
    }
    case "list": {
      const query = new URLSearchParams({ max_results: "50", prefix: flag("prefix") ?? "" });
      for (;;) {
        const answer = await service.ask(`/v1/sprites?${query}`);
        if (!answer.ok) throw new Failure(`Error listing sprites: HTTP ${answer.status}`);
        const page = (await answer.json()) as { sprites: { name: string }[]; next_continuation_token?: string };
        for (const { name } of page.sprites) say(name);
        if (page.next_continuation_token === undefined) return 0;
        query.set("continuation_token", page.next_continuation_token);
      }
    }
    case "exec": {
      const [first, ...others] = rest ?? words;
      if (first === undefined) throw new Failure("requires at least 1 arg(s)");
      if (process.env.FAKE_SPRITE_BANNER) say(`Connecting to ${named()}\nRunning: ${first}`);
      return await exec(service, named(), [first, ...others], {
        tty: flags.has("tty"),
        stdin: !flags.has("no-stdin"),
        dir: flag("dir"),
        env: (flags.get("env") ?? []).flatMap((pairs) => pairs.split(",")),
        files: flags.get("file") ?? [],
      });
    }
    case "destroy": {
      const name = words[0] ?? named();
      if (!flags.has("force") && !isatty(0))
        throw new Failure("cannot ask for confirmation: stdin is not a terminal; use --force");
      const answer = await service.ask(`/v1/sprites/${name}`, { method: "DELETE" });
      if (!answer.ok)
        throw new Failure(
          `Failed to destroy sprite: ${answer.status === 404 ? "sprite not found" : `HTTP ${answer.status}`}`,
        );
      say(`✓ Destroyed sprite ${name}`);
      return 0;
    }
    case "checkpoint": {
      if (words[0] === "create") {
        const body = JSON.stringify({ comment: flag("comment") ?? "" });
        const id = /v\d+/.exec(await (await service.ask(`${path()}/checkpoint`, { method: "POST", body })).text())?.[0];
        say(`\x1b[32m✓\x1b[0m Checkpoint \x1b[1m${id}\x1b[0m created\nRestore with: sprite restore ${id}`);
        return 0;
      }
      for (const { id } of (await (await service.ask(`${path()}/checkpoints`)).json()) as { id: string }[]) say(id);
      return 0;
    }
    case "restore":
      await (await service.ask(`${path()}/checkpoints/${words[0]}/restore`, { method: "POST" })).text();
      say(`✓ Restored ${words[0]}`);
      return 0;
    case "sessions": {
      if (words[0] === "kill") {
        const answer = await service.ask(`${path()}/exec/${words[1]}/kill?signal=SIGKILL`, { method: "POST" });
        if (!answer.ok) throw new Failure(`session ${words[1]} not found`);
        return 0;
      }
      const { sessions } = (await (await service.ask(`${path()}/exec`)).json()) as {
        sessions: { id: string; command: string }[];
      };
      for (const { id, command } of sessions) say(`${id.padEnd(6)} ${command.slice(0, 40)}`);
      return 0;
    }
    default:
      return await api(service, words, rest ?? [], flag("sprite"));
  }
}

/** Runs curl with the token, as the real one does: so curl's exit codes count, and 404 is none of them. */
async function api(
  service: Service,
  [path]: readonly string[],
  options: readonly string[],
  sprite: string | undefined,
): Promise<number> {
  if (path === undefined) throw new Failure("api requires a path argument");
  const base = path.startsWith("/v1/") ? "" : sprite === undefined ? "/v1" : `/v1/sprites/${sprite}`;
  const url = `${service.url}${base}${path}`;
  writeSync(2, `Calling API: ${path}\nURL: ${url}\n`);
  const curl = Bun.spawn(["curl", ...options, "-H", `Authorization: Bearer ${service.token}`, url], {
    stdio: ["inherit", "inherit", "inherit"],
  });
  return await curl.exited;
}

try {
  process.exit(await run(parse(process.argv.slice(2))));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  const text = error.message.startsWith("Error ") ? error.message : `Error: ${error.message}`;
  writeSync(2, `${text}\n`);
  process.exit(error.code);
}
