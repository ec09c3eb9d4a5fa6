import { expect, setDefaultTimeout } from "bun:test";
import { rmSync } from "node:fs";
import { GlueError, type SandboxHandle } from "../../runtimes/contract.ts";
import { IMAGES, testNeeding } from "../support/needs.ts";
import { failureOf, run } from "../support/session-run.ts";
import { contextWith, docker, isThere, newSessionId, optionsWith, runtimeFor, withSession } from "./support.ts";

// Containers are made and ended in every test, on machines that may be busy.
setDefaultTimeout(120_000);

const options = optionsWith();
const runtime = runtimeFor();

function inspect(name: string) {
  const [container] = JSON.parse(docker("container", "inspect", name).out);
  return container;
}

testNeeding(["image:debian-git"], "the container is what was planned, and its labels say whose it is", async () => {
  const context = contextWith({ owner: { kind: "open", host: "h1", boot: "b1", pid: 77, pidStart: "88" } });
  const planned = runtime.plan(options, context);
  const session = await runtime.open(options, context);
  try {
    expect(session.handle.name).toBe(planned.name);
    expect(session.handle.runtime).toBe("docker");
    const { Config, HostConfig, Id } = inspect(planned.name);
    expect(session.handle.id).toBe(Id);
    expect(HostConfig.Init).toBe(true);
    expect(Config.Labels).toMatchObject({
      "dev.glue.format": "1",
      "dev.glue.session": context.sessionId,
      "dev.glue.owner.kind": "open",
      "dev.glue.owner.host": "h1",
      "dev.glue.owner.boot": "b1",
      "dev.glue.owner.pid": "77",
      "dev.glue.owner.pid-start": "88",
    });
    const owned = (await runtime.listOwned(options)).find((other) => other.sessionId === context.sessionId);
    expect(owned).toMatchObject({ handle: { id: Id, name: planned.name }, owner: context.owner });
    expect(Math.abs((owned?.createdAt?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
  } finally {
    await session.close();
  }
  expect(isThere(context.sessionId)).toBe(false);
});

testNeeding(["image:debian-git"], "every option of the container reaches the engine", async () => {
  const opening = {
    options: { "docker.memory": "256m", "docker.cpus": 0.5, "docker.network": "none", "docker.user": "12345:54321" },
  };
  await withSession({ ...opening, context: { mode: "copy" } }, async (session, { sessionId }) => {
    const { HostConfig, Config } = inspect(`glue-${sessionId}`);
    expect(HostConfig).toMatchObject({ Memory: 256 * 1024 ** 2, NanoCpus: 5e8, NetworkMode: "none" });
    expect(Config.User).toBe("12345:54321");
    expect(
      (await run(session, "id -u; id -g; ls /sys/class/net; echo $HOME; touch mine ~/his && echo written")).out,
    ).toMatch(/^12345\n54321\nlo\n\/var\/lib\/glue\/home\nwritten\n$/);
  });
});

testNeeding(["image:debian-git"], "another process works in the session by its handle alone", async () => {
  await withSession({}, async (session) => {
    const handle = JSON.parse(JSON.stringify(session.handle)) as SandboxHandle;
    const other = await runtimeFor({ env: { DOCKER_HOST: "unix:///nowhere.sock" } }).attach(handle, options);
    expect(other).toMatchObject({ direct: true, paths: session.paths });
    expect(await run(other, "echo hello; exit 6")).toMatchObject({ exitCode: 6, out: "hello\n" });
    await other.detach();
    expect(await run(session, "echo still")).toMatchObject({ out: "still\n" });
  });
});

testNeeding(
  ["image:debian-git"],
  "a container that is stopped, paused or removed is told from one that runs",
  async () => {
    await withSession({}, async (session) => {
      const { handle } = session;
      docker("pause", handle.name);
      const paused = await failureOf(runtime.attach(handle, options));
      expect([paused.code, paused.hint]).toEqual([
        "runtimeUnreachable",
        `docker unpause ${handle.name} lets it go on.`,
      ]);
      docker("unpause", handle.name);
      docker("kill", handle.name);
      const stopped = await failureOf(runtime.attach(handle, options));
      expect(stopped.code).toBe("sandboxGone");
      expect(stopped.message).toContain("is stopped (exited, exit code 137)");
      expect((await failureOf(session.executor.run({ argv: ["true"] }))).code).toBe("sandboxGone");
      expect((await failureOf(session.workspace.read("x"))).code).toBe("sandboxGone");
      docker("rm", "-f", handle.name);
      const removed = await failureOf(runtime.attach(handle, options));
      expect(removed.message).toContain("no longer exists");
      expect((await failureOf(session.executor.run({ argv: ["true"] }))).code).toBe("sandboxGone");
      expect((await failureOf(session.workspace.stat("x"))).code).toBe("sandboxGone");
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "a container killed in mid-command leaves the outcome unknown, and the session hears of it",
  async () => {
    await withSession({}, async (session) => {
      const running = await session.executor.run({ script: "echo begun; sleep 300" });
      const { died } = session;
      const reader = running.stdout.getReader();
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("begun\n");
      const killed = performance.now();
      docker("kill", session.handle.name);
      const error = await failureOf(running.wait());
      expect(error.code).toBe("outcomeUnknown");
      expect(error.message).toContain("exit code 137");
      expect(performance.now() - killed).toBeLessThan(20_000);
      expect((await reader.read()).done).toBe(true);
      expect(await died).toMatchObject({ final: false });
    });
  },
);

testNeeding(["image:debian-git"], "death is heard of while no command runs", async () => {
  await withSession({}, async (session) => {
    const { died } = session;
    await Bun.sleep(200);
    docker("rm", "-f", session.handle.name);
    expect(await died).toMatchObject({ final: true });
  });
});

testNeeding(
  ["image:debian-git"],
  "releasing goes by id or by the planned name, twice, and only for what is glue's",
  async () => {
    const context = contextWith();
    const planned = runtime.plan(options, context);
    await runtime.open(options, context);
    await runtime.release(planned, options);
    expect(isThere(context.sessionId)).toBe(false);
    await runtime.release(planned, options);
    const name = `glue-${newSessionId()}`;
    docker("create", "--name", name, IMAGES["debian-git"], "true");
    try {
      const error = await failureOf(runtime.release({ ...planned, name }, options));
      expect(error.message).toContain("not glue's to remove");
      expect(docker("container", "inspect", name).code).toBe(0);
    } finally {
      docker("rm", name);
    }
  },
);

testNeeding(["image:debian-git"], "closing twice, or after the container is gone, is done already", async () => {
  const session = await runtime.open(options, contextWith());
  docker("rm", "-f", session.handle.name);
  await session.close();
  await session.close();
});

testNeeding(
  ["image:debian-git"],
  "a name that somebody else took fails the opening, and the other container stays",
  async () => {
    const context = contextWith();
    const name = `glue-${context.sessionId}`;
    docker("create", "--name", name, IMAGES["debian-git"], "true");
    try {
      const error = await failureOf(runtime.open(options, context));
      expect(error.code).toBe("sandboxCreateFailed");
      expect(error.message).toContain("not this session's");
      expect(docker("container", "inspect", name).code).toBe(0);
    } finally {
      docker("rm", name);
    }
  },
);

testNeeding(["image:debian-git"], "a container that a lost create of this session left is taken over", async () => {
  const context = contextWith({ mode: "copy" });
  const labels = ["dev.glue.format=1", `dev.glue.session=${context.sessionId}`].flatMap((label) => ["--label", label]);
  docker("create", "--name", `glue-${context.sessionId}`, "-i", ...labels, IMAGES["debian-git"], "cat");
  const session = await runtime.open(options, context);
  expect(await run(session, "echo ok")).toMatchObject({ out: "ok\n" });
  await session.close();
  expect(isThere(context.sessionId)).toBe(false);
});

testNeeding(
  ["image:debian-git"],
  "an opening that is interrupted, whenever, leaves nothing",
  async () => {
    for (const afterMs of [0, 5, 20, 60, 120, 200, 300, 450]) {
      const abort = new AbortController();
      const context = contextWith({ signal: abort.signal });
      const opening = runtime.open(options, context).then(
        (session) => session,
        (error: unknown) => error,
      );
      await Bun.sleep(afterMs);
      abort.abort();
      const result = await opening;
      if (result instanceof GlueError) expect(result.code).toBe("cancelled");
      else await (result as Awaited<ReturnType<typeof runtime.open>>).close();
      expect(isThere(context.sessionId)).toBe(false);
    }
  },
  120_000,
);

testNeeding(
  ["image:debian-git"],
  "the command starts in the caller's subfolder, and the engine's own folder of the workspace is none",
  async () => {
    const context = contextWith();
    Bun.spawnSync(["mkdir", "-p", `${context.tree.top}/a/b`]);
    const tree = { ...context.tree, subfolder: "a/b" };
    await withSession({ context: { ...context, tree } }, async (session) => {
      expect(inspect(session.handle.name).Config.WorkingDir).toBe("/workspace/a/b");
      expect(docker("exec", session.handle.name, "pwd").out).toBe("/workspace/a/b");
    });
    rmSync(context.tree.top, { recursive: true });
  },
);

testNeeding(
  ["image:debian-git"],
  "a copy starts empty, also where the image has something there",
  async () => {
    const image = `glue-test/filled-${newSessionId()}`;
    const made = docker("create", IMAGES["debian-git"], "true").out;
    const from = newSessionId();
    docker(
      "run",
      "--name",
      from,
      IMAGES["debian-git"],
      "sh",
      "-c",
      "mkdir -p /workspace/old; echo x >/workspace/.file",
    );
    docker("commit", from, image);
    docker("rm", from, made);
    try {
      await withSession({ options: { "docker.image": image }, context: { mode: "copy" } }, async (session) => {
        expect(await session.workspace.list(".")).toEqual([]);
      });
    } finally {
      docker("rmi", image);
    }
  },
  120_000,
);
