import { Agent } from "node:http";
import { Duplex } from "node:stream";
import { GlueError } from "../contract.ts";

/**
 * Connections to an engine on another machine, each by the user's own `ssh` running `docker system dial-stdio` there, as the docker CLI
 * does it: so its configuration, its known hosts and its keys hold. (The SSH client that comes with dockerode checks no host key.)
 */
export function sshAgent(url: string): Agent {
  const argv = sshArgv(url);
  const agent = new Agent({ keepAlive: false });
  Object.assign(agent, { createConnection: () => dial(argv) });
  return agent;
}

/** Throws `optionInvalid` for a user or host that ssh would take for an option. */
export function sshArgv(url: string): string[] {
  const { username, hostname, port, pathname, password } = new URL(url);
  const user = decodeURIComponent(username);
  if (hostname.startsWith("-") || user.startsWith("-") || password !== "" || !/^\/?$/.test(pathname)) {
    throw new GlueError("optionInvalid", `${url.replace(/:[^@/]*@/, ":…@")} is no address that ssh can be given.`, {
      hint: "It is ssh://[USER@]HOST[:PORT], without a password or a path.",
    });
  }
  return [
    "ssh",
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=20",
    "-T",
    ...(user === "" ? [] : ["-l", user]),
    ...(port === "" ? [] : ["-p", port]),
    "--",
    hostname.replace(/^\[|\]$/g, ""),
    "docker",
    "system",
    "dial-stdio",
  ];
}

function dial(argv: string[]): Duplex {
  const child = Bun.spawn(argv, { stdin: "pipe", stdout: "pipe", stderr: "pipe", env: process.env });
  const reader = child.stdout.getReader();
  const words = new Response(child.stderr).text();
  /** ssh's own words for why it failed; a pipe that broke is only how that shows. */
  const failure = async (cause?: unknown): Promise<Error> => {
    const code = await child.exited;
    return new Error(`ssh failed: ${(await words).trim() || `exit code ${code}`}`, { cause });
  };
  const duplex = new Duplex({
    async read() {
      try {
        const { value, done } = await reader.read();
        if (!done) this.push(value);
        else if ((await child.exited) === 0) this.push(null);
        else this.destroy(await failure());
      } catch (error) {
        this.destroy(await failure(error));
      }
    },
    async write(chunk: Uint8Array, _encoding, done) {
      try {
        child.stdin.write(chunk);
        await child.stdin.flush();
        done();
      } catch (error) {
        done(await failure(error));
      }
    },
    async final(done) {
      await child.stdin.end();
      done();
    },
    destroy(error, done) {
      child.kill();
      done(error);
    },
  });
  // What node's http asks of a socket; there is nothing to set here.
  return Object.assign(duplex, {
    setNoDelay: () => duplex,
    setKeepAlive: () => duplex,
    setTimeout: () => duplex,
    ref: () => duplex,
    unref: () => duplex,
  });
}
