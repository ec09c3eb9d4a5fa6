import { expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Bench } from "../bench.ts";

/** What a sandbox can reach outside itself. */
export function reach(bench: Bench): void {
  if (bench.target.runtime === "host" || bench.target.runtime === "docker") {
    bench.shows(
      "mount_host_paths",
      "the folder on this machine and the workspace are the same, both ways",
      async ({ run, session, tree }) => {
        expect(session.direct).toBe(true);
        writeFileSync(`${tree}/from-here`, "here");
        expect((await run({ argv: ["cat", "from-here"] })).out).toBe("here");
        await run({ argv: ["sh", "-c", "printf there >from-there; chmod 640 from-there"] });
        expect(readFileSync(`${tree}/from-there`, "utf8")).toBe("there");
        await session.workspace.write("by/the port", new TextEncoder().encode("port"));
        expect(readFileSync(`${tree}/by/the port`, "utf8")).toBe("port");
      },
    );
  }

  bench.shows("internet", "a command reaches a service outside the sandbox", async ({ run, started }) => {
    const { hostAddress } = started;
    if (hostAddress === undefined) throw new Error("this target does not say how the sandbox reaches this machine");
    const asked: string[] = [];
    const service = Bun.listen({
      hostname: hostAddress,
      port: 0,
      socket: {
        data(socket, data) {
          asked.push(data.toString());
          socket.end("HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\noutside");
        },
      },
    });
    try {
      const url = `http://${hostAddress}:${service.port}/from-inside`;
      // Whichever of these the sandbox has; none is worth an image of its own.
      const script = `if command -v wget >/dev/null; then wget -q -O - ${url}
elif command -v curl >/dev/null; then curl -s ${url}
elif command -v bash >/dev/null; then bash -c 'exec 3<>/dev/tcp/${hostAddress}/${service.port}; printf "GET /from-inside HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3'
else exit 99; fi`;
      const ended = await run({ script, shell: "sh" }, { env: { no_proxy: "*", NO_PROXY: "*" }, timeoutMs: 20_000 });
      expect(ended.out).toEndWith("outside");
      expect(asked.join("")).toContain("GET /from-inside");
    } finally {
      service.stop(true);
    }
  });

  if (bench.target.runtime === "host") {
    bench.shows(
      "gpu",
      "a command sees the very devices that the caller sees, a GPU's among them where there is one",
      async ({ run }) => {
        const listed = (await run({ argv: ["ls", "-a", "/dev"] })).out.trim().split("\n");
        expect(listed.filter((name) => name !== "." && name !== "..").sort()).toEqual(readdirSync("/dev").sort());
        const gpu = ["/dev/nvidiactl", "/dev/dri", "/dev/kfd"].filter(existsSync);
        for (const device of gpu) expect((await run({ argv: ["test", "-r", device] })).exitCode).toBe(0);
      },
    );
  }
}
