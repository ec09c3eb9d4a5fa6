import { afterAll, expect, setDefaultTimeout } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectEngine } from "../../runtimes/docker/engine.ts";
import { IMAGES, testNeeding } from "../support/needs.ts";
import { failureOf, run } from "../support/session-run.ts";
import { tempDir } from "../support/temp-dir.ts";
import { OwnEngine } from "./own-engine.ts";
import { startProxy } from "./proxy.ts";
import { contextWith, docker, isThere, newSessionId, optionsWith, runtimeFor, withSession } from "./support.ts";

// Containers are made and ended in every test, on machines that may be busy.
setDefaultTimeout(120_000);

const root = join(import.meta.dir, "../..");
const engines: OwnEngine[] = [];
afterAll(async () => {
  for (const engine of engines) await engine.dispose();
});

async function ownEngine(words: readonly string[] = [], path?: string): Promise<OwnEngine> {
  const engine = new OwnEngine(words, path);
  engines.push(engine);
  return await engine.start();
}

const onBusybox = {
  options: { "docker.image": IMAGES.busybox, "docker.network": "none" },
  context: { mode: "copy" as const },
};

testNeeding(
  ["image:busybox"],
  "a command whose connection is cut goes on, and its result is found",
  async () => {
    const proxy = startProxy();
    try {
      await withSession({ ...onBusybox, env: { DOCKER_HOST: proxy.url } }, async (session) => {
        const running = await session.executor.run({ script: "echo begun; sleep 2; echo more; exit 42" });
        const reader = running.stdout.getReader();
        expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("begun\n");
        proxy.cut();
        expect((await reader.read()).done).toBe(true);
        expect(await running.wait()).toEqual({ exitCode: 42, outcome: "exited", outputLost: true });
      });
    } finally {
      proxy.stop();
    }
  },
  120_000,
);

testNeeding(
  ["image:busybox"],
  "a container whose glue folder was removed says so, and no command is believed to have run",
  async () => {
    await withSession(onBusybox, async (session) => {
      const remover = await session.executor.run({ script: "rm -rf /var/lib/glue" });
      expect((await failureOf(remover.wait())).code).toBe("outcomeUnknown");
      expect((await failureOf(session.executor.run({ script: "echo ran >/workspace/ran" }))).code).toBe("startFailed");
      expect(await session.workspace.stat("ran")).toBeUndefined();
    });
  },
);

testNeeding(
  ["image:busybox"],
  "a command that is cancelled after its connection was cut ends all the same",
  async () => {
    const proxy = startProxy();
    try {
      await withSession({ ...onBusybox, env: { DOCKER_HOST: proxy.url } }, async (session) => {
        const running = await session.executor.run({ script: "sleep 300" }, { graceMs: 500 });
        proxy.cut();
        await running.kill();
        expect(await running.wait()).toMatchObject({ outcome: "cancelled", outputLost: true });
      });
    } finally {
      proxy.stop();
    }
  },
  120_000,
);

testNeeding(
  ["image:busybox"],
  "an engine that goes dead in mid-command leaves the outcome unknown",
  async () => {
    const proxy = startProxy();
    const context = contextWith({ mode: "copy" });
    const session = await runtimeFor({ env: { DOCKER_HOST: proxy.url } }).open(optionsWith(onBusybox.options), context);
    try {
      const running = await session.executor.run({ script: "sleep 300" });
      proxy.freeze();
      proxy.cut();
      proxy.stop();
      const error = await failureOf(running.wait());
      expect(error.code).toBe("outcomeUnknown");
      expect(error.message).toContain("No Docker engine is listening");
    } finally {
      docker("rm", "-f", `glue-${context.sessionId}`);
    }
  },
  120_000,
);

testNeeding(
  ["docker"],
  "an engine that accepts and says nothing is given up within its deadline, on every call",
  async () => {
    const unix = join(tempDir(), "hang.sock");
    const listener = Bun.listen({ unix, socket: { data: () => undefined } });
    const runtime = runtimeFor({ env: { DOCKER_HOST: `unix://${unix}` } });
    try {
      const started = performance.now();
      const failures = await Promise.all([
        failureOf(runtime.open(optionsWith(), contextWith())),
        failureOf(runtime.listOwned(optionsWith())),
        failureOf(runtime.release({ runtime: "docker", name: "glue-x", data: {} }, optionsWith())),
      ]);
      expect(failures.map((error) => error.code)).toEqual(Array(3).fill("runtimeUnreachable"));
      const [check] = await runtime.diagnose(optionsWith());
      expect(check).toMatchObject({ name: "engine", status: "missing" });
      expect(performance.now() - started).toBeLessThan(25_000);
    } finally {
      listener.stop(true);
    }
  },
  40_000,
);

testNeeding(["docker", "root"], "a socket that one may not use is told as that, with what mends it", async () => {
  const script = `
    const { createRuntime } = await import("${root}/runtimes/docker/index.ts");
    const runtime = createRuntime({ ...process.env, HOME: "/nonexistent" });
    try { await runtime.listOwned({}); } catch (error) { console.log(JSON.stringify({ code: error.code, message: error.message, hint: error.hint })); }
    console.log(JSON.stringify(await runtime.diagnose({})));
  `;
  const words = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", process.execPath, "-e", script];
  const child = Bun.spawnSync(words, {
    cwd: "/",
    env: { PATH: process.env.PATH, HOME: "/nonexistent" },
    stderr: "pipe",
  });
  const [error = "", checks = ""] = child.stdout.toString().split("\n");
  expect(child.stderr.toString()).toBe("");
  expect(JSON.parse(error)).toMatchObject({ code: "permissionDenied" });
  expect(JSON.parse(error).message).toContain("/var/run/docker.sock");
  expect(JSON.parse(error).hint).toMatch(/usermod -aG |run glue as a user who may/);
  expect(JSON.parse(checks)).toMatchObject([{ name: "permission", status: "missing" }]);
});

testNeeding(["image:nosh"], "an image without sh is refused by its name, and nothing stays", async () => {
  const context = contextWith();
  const error = await failureOf(runtimeFor().open(optionsWith({ "docker.image": IMAGES.nosh }), context));
  expect(error.code).toBe("sandboxUnusable");
  expect(error.message).toContain(IMAGES.nosh);
  expect(isThere(context.sessionId)).toBe(false);
});

testNeeding(["image:debian-nogit"], "an image that lacks a tool is refused with the tool's name", async () => {
  const image = `glue-test/lacks-${newSessionId()}`;
  const from = newSessionId();
  docker("run", "--name", from, IMAGES["debian-nogit"], "rm", "/usr/bin/tar");
  docker("commit", from, image);
  docker("rm", from);
  try {
    const context = contextWith();
    const error = await failureOf(runtimeFor().open(optionsWith({ "docker.image": image }), context));
    expect(error.code).toBe("sandboxUnusable");
    expect(error.message).toContain("it has no tar");
    expect(isThere(context.sessionId)).toBe(false);
  } finally {
    docker("rmi", image);
  }
});

const BAD_OPTIONS = [
  ["a shell that the image lacks", { "docker.shell": "zsh" }, "sandboxUnusable", "has no shell zsh"],
  ["a user that the image lacks", { "docker.user": "nobody-such" }, "optionInvalid", "nobody-such"],
  ["a network that there is not", { "docker.network": "none-such" }, "sandboxCreateFailed", "none-such"],
  ["memory below the engine's least", { "docker.memory": "1k" }, "sandboxCreateFailed", "emory"],
  ["an image that is no name", { "docker.image": "Not A Name" }, "imageNotFound", "Not A Name"],
] as const;
for (const [what, options, code, words] of BAD_OPTIONS) {
  testNeeding(["image:debian-git"], `${what} is one clear error, and nothing stays`, async () => {
    const context = contextWith();
    const error = await failureOf(runtimeFor().open(optionsWith(options), context));
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
    expect(isThere(context.sessionId)).toBe(false);
  });
}

testNeeding(
  ["image:debian-git"],
  "a folder that the engine has under that name, but is not this one, is refused",
  async () => {
    // A process in a mount namespace of its own sees another folder at the path than the engine does, as in a container that was
    // given the engine's socket.
    const top = tempDir();
    const script = `
    const { contextWith, optionsWith, runtimeFor, isThere } = await import("${root}/test/docker/support.ts");
    const { failureOf } = await import("${root}/test/support/session-run.ts");
    const context = contextWith({ tree: { top: ${JSON.stringify(top)}, subfolder: "", outsideGitDirs: [] } });
    const error = await failureOf(runtimeFor().open(optionsWith(), context));
    console.log(JSON.stringify({ code: error.code, message: error.message, hint: error.hint, left: isThere(context.sessionId) }));
  `;
    const inner = `mount -t tmpfs none '${top}' && exec '${process.execPath}' -e "$1"`;
    const child = Bun.spawnSync(["unshare", "--mount", "sh", "-c", inner, "sh", script], { cwd: root, stderr: "pipe" });
    const said = JSON.parse(child.stdout.toString() || JSON.stringify({ stderr: child.stderr.toString() }));
    expect(said).toMatchObject({ code: "mountMismatch", left: false });
    expect(said.message).toContain(top);
    expect(said.hint).toContain("--copy");
  },
);

testNeeding(["image:debian-git"], "a folder that the engine does not have at all is refused alike", async () => {
  const context = contextWith();
  const gone = { ...context, tree: { ...context.tree, top: `${context.tree.top}/only-here` } };
  const error = await failureOf(runtimeFor().open(optionsWith(), gone));
  expect(error.code).toBe("mountMismatch");
  expect(isThere(context.sessionId)).toBe(false);
});

testNeeding(
  ["image:busybox", "root", "linux"],
  "an engine that restarts in mid-command leaves the outcome unknown",
  async () => {
    const engine = await ownEngine();
    const context = contextWith({ mode: "copy" });
    const runtime = runtimeFor({ env: engine.env });
    const session = await runtime.open(optionsWith(onBusybox.options), context);
    await session.workspace.write("kept", Buffer.from("still here"));
    const running = await session.executor.run({ script: "sleep 300" });
    const { died } = session;
    await engine.stop();
    await engine.start();
    const error = await failureOf(running.wait());
    expect(error.code).toBe("outcomeUnknown");
    expect(error.message).toContain("is stopped");
    expect(await died).toMatchObject({ final: false });
    engine.docker("start", session.handle.name);
    const again = await runtime.attach(session.handle, optionsWith(onBusybox.options));
    expect(Buffer.from(await again.workspace.read("kept")).toString()).toBe("still here");
    await again.close();
    expect(engine.docker("ps", "-aq").out).toBe("");
  },
  120_000,
);

testNeeding(
  ["image:busybox", "root", "linux"],
  "an engine that is killed in mid-command, and does not come back, leaves the outcome unknown",
  async () => {
    const engine = await ownEngine();
    const session = await runtimeFor({ env: engine.env }).open(
      optionsWith(onBusybox.options),
      contextWith({ mode: "copy" }),
    );
    const running = await session.executor.run({ script: "sleep 30" });
    await engine.stop("SIGKILL");
    const error = await failureOf(running.wait());
    expect(error.code).toBe("outcomeUnknown");
    await engine.start();
  },
  120_000,
);

testNeeding(
  ["image:busybox", "root", "linux"],
  "an engine without docker-init runs sessions without an init, and says so",
  async () => {
    const bin = tempDir();
    for (const program of ["containerd", "containerd-shim", "containerd-shim-runc-v2", "runc", "ps"]) {
      const path = Bun.which(program);
      if (path !== null) symlinkSync(path, join(bin, program));
    }
    const engine = new OwnEngine([], bin);
    engines.push(engine);
    const dockerd = Bun.which("dockerd") ?? "/usr/sbin/dockerd";
    symlinkSync(dockerd, join(bin, "dockerd"));
    await engine.start();
    const reports: { what: string }[] = [];
    await withSession({ ...onBusybox, env: engine.env, reports }, async (session) => {
      expect(reports.map((report) => report.what)).toContain(
        "Creating the container without an init, because the engine has no docker-init",
      );
      expect(session.handle.data.main).toBe("1");
      expect(await run(session, "sleep 100 >/dev/null 2>&1 & echo ok")).toMatchObject({ out: "ok\n" });
      await session.killAll();
      expect(await run(session, "echo alive")).toMatchObject({ out: "alive\n" });
    });
    const checks = await runtimeFor({ env: engine.env }).diagnose(optionsWith());
    expect(checks.find((check) => check.name === "init")).toMatchObject({ status: "warn" });
  },
  120_000,
);

testNeeding(["docker"], "an address that nothing can make sense of is refused at once", async () => {
  const error = await failureOf(runtimeFor({ env: { DOCKER_HOST: "nonsense" } }).open(optionsWith(), contextWith()));
  expect(error.code).toBe("optionInvalid");
});

testNeeding(["docker"], "a broken docker configuration is told by its file", async () => {
  const home = tempDir();
  mkdirSync(join(home, ".docker"));
  writeFileSync(join(home, ".docker/config.json"), "{ broken");
  chmodSync(join(home, ".docker/config.json"), 0o600);
  const error = await failureOf(
    runtimeFor({ env: { HOME: home, DOCKER_HOST: undefined } }).open(optionsWith(), contextWith()),
  );
  expect(error.message).toContain(".docker/config.json is not valid JSON");
  // The engine is not asked for its sake.
  await connectEngine({ kind: "unix", url: "unix:///x", path: "/x", source: "test" });
});
