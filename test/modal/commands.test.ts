/** The whole stack: the command line, the sidecar, the real SDK, and the double. */
import { expect } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { serveGit } from "../roundtrip/git-server.ts";
import { runs, until } from "../support/glue.ts";
import { tempDir } from "../support/temp-dir.ts";
import { type ModalDouble, type Sdk, testLongWithModal, testWithModal } from "./double.ts";
import { shareDouble, withEachSdk } from "./each-sdk.ts";
import {
  folder,
  git,
  glue,
  idIn,
  repository,
  running,
  type Setting,
  sessionOf,
  sidecarOf,
  start,
  succeed,
  waitFor,
} from "./user.ts";

/** What was brought back, landed and checked out in a folder of its own. */
async function landed(at: Setting, id: string): Promise<string> {
  await succeed(at, "session", "apply", id);
  const into = join(tempDir(), "landed");
  await git(at, "worktree", "add", "-q", into, `glue/${id}`);
  return into;
}

/** The line that users know, to the letter. */
const EXECUTOR_DEAD =
  "◆ Runtime workspace diff unavailable (executorDead): modal sidecar is no longer reachable (sandbox may have auto-terminated on sandbox_timeout_seconds, or the python process exited); end-of-session diff cannot be captured\n";

withEachSdk(stack);

function stack(sdk: Sdk): void {
  let double: ModalDouble;
  shareDouble(sdk, (made) => {
    double = made;
  });

  testWithModal("a bundle: all kinds of changes go in and come back, and nothing is left", async () => {
    const at = await repository(double, sdk);
    writeFileSync(join(at.tree, "kept"), "kept\nuncommitted\n");
    const binary = crypto.getRandomValues(new Uint8Array(100_000));
    mkdirSync(join(at.tree, "sub"));
    writeFileSync(join(at.tree, "sub/binary"), binary);
    symlinkSync("kept", join(at.tree, "link"));
    const script = [
      "set -e",
      'test -L link && grep -q uncommitted kept && test -z "$(git status --porcelain)"',
      `test "$(sha256sum <sub/binary)" = "${new Bun.CryptoHasher("sha256").update(binary).digest("hex")}  -"`,
      "git mv kept moved; git -c user.name=A -c user.email=a@b commit -qm agent",
      "echo more >>moved; printf '\\000\\377' >made; chmod +x made; ln -s made sub/other",
    ].join("\n");
    const { err } = await succeed(at, "run", "-v", "-c", script);
    expect(err).toContain("bundle");
    const id = idIn(err);
    expect(await running(at, id)).toBe(0);
    const top = await landed(at, id);
    expect(readFileSync(join(top, "moved"), "utf8")).toBe("kept\nuncommitted\nmore\n");
    expect(readFileSync(join(top, "made"))).toEqual(Buffer.from([0, 255]));
    expect(lstatSync(join(top, "made")).mode & 0o111).toBe(0o111);
    expect(readlinkSync(join(top, "sub/other"))).toBe("made");
    expect(Buffer.compare(readFileSync(join(top, "sub/binary")), binary)).toBe(0);
    expect(await git(at, "log", "--format=%s", `glue/${id}`)).toContain("agent\n");
  });

  testWithModal(
    "a folder that is no repository goes and comes back, and the command's status is the run's",
    async () => {
      const at = folder(double, sdk);
      const ran = await glue(at, "run", "-c", "cat kept; echo 2 >>kept; exit 7");
      expect({ code: ran.code, out: ran.out }).toEqual({ code: 7, out: "kept\n" });
      expect(ran.err).toContain("1 file changed");
    },
  );

  testWithModal("over the cap: cloned from the remote where there is one, else in pieces", async () => {
    const at = await repository(double, sdk);
    writeFileSync(join(at.tree, "big"), crypto.getRandomValues(new Uint8Array(400_000)));
    await git(at, "add", ".");
    await git(at, "commit", "-qm", "big");
    const root = join(at.tree, "..");
    await git(at, "clone", "-q", "--bare", ".", join(root, "served.git"));
    writeFileSync(join(at.tree, "kept"), "changed\n");
    const cap = ["--set", "modal.bundle_cap_mb=0.1"];
    const inPieces = await succeed(at, "run", "-v", ...cap, "-c", "wc -c <big; cat kept");
    expect(inPieces.out).toBe("400000\nchanged\n");
    const server = serveGit(root);
    try {
      await git(at, "remote", "add", "origin", `${server.url}/served.git`);
      await git(at, "fetch", "-q", "origin");
      const cloned = await succeed(at, "run", "-v", ...cap, "-c", "wc -c <big; cat kept; echo x >>kept");
      expect(cloned.out).toBe("400000\nchanged\n");
      expect(server.requests.filter((line) => line.includes("git-upload-pack")).length).toBeGreaterThan(1);
      expect(cloned.err).toContain("1 file changed");
    } finally {
      server.stop();
    }
  });

  testWithModal("an image without git: the tree travels as an archive, both ways", async () => {
    const at = await repository(double, sdk);
    const ran = await succeed(
      at,
      "run",
      "--set",
      "modal.image=example.test/without-git:1",
      "-c",
      "! command -v git && echo new >made",
    );
    expect(readFileSync(join(await landed(at, idIn(ran.err)), "made"), "utf8")).toBe("new\n");
  });

  for (const image of ["modal's own", "example.test/without-git:1", "example.test/with-user:1"]) {
    const test = image.includes("/") ? testLongWithModal : testWithModal;
    test(`after a SIGKILL of glue in a run the work is on this machine first, then the sandbox ends (${image})`, async () => {
      const at = await repository(double, sdk);
      const set = image.includes("/") ? ["--set", `modal.image=${image}`] : [];
      const child = start(at, "run", ...set, "-c", "echo made >made; echo more >>kept; echo ready; sleep 600");
      await waitFor(child, "ready\n");
      const { id } = await sessionOf(at);
      const saved = join(at.home, "sessions", id, "farewell");
      child.kill("SIGKILL");
      let first = "";
      const hasEnded = async () => {
        const ended = (await running(at, id)) === 0;
        if (first === "" && (ended || existsSync(saved))) first = existsSync(saved) ? "saved" : "ended";
        return ended;
      };
      await until("the sandbox has ended", hasEnded, 60_000);
      expect(first).toBe("saved");
      // Without the sandbox, and then for good.
      expect(JSON.parse((await succeed(at, "session", "recover", id, "--json")).out)).toMatchObject({
        status: "captured",
      });
      expect((await succeed(at, "prune")).out).toContain(id);
      const top = await landed(at, id);
      expect(readFileSync(join(top, "made"), "utf8")).toBe("made\n");
      expect(readFileSync(join(top, "kept"), "utf8")).toBe("kept\nmore\n");
    });
  }

  testWithModal(
    "a sandbox that reaches its lifetime in a run ends it with 125 and the sentence that says so",
    async () => {
      const at = await repository(double, sdk);
      const child = start(at, "run", "-c", "echo ready; sleep 600");
      await waitFor(child, "ready");
      await double.end("timeout");
      const err = await child.stderr.text();
      expect(await child.exited).toBe(125);
      expect(err).toContain(EXECUTOR_DEAD);
    },
  );

  testWithModal(
    "an open session whose sandbox has ended is closed with the same sentence, and nothing is made up",
    async () => {
      const at = await repository(double, sdk);
      const { out, err } = await succeed(at, "session", "start");
      expect(err).toMatch(/ends by itself in (29|30) minutes, at \S+Z\./);
      await double.end("timeout");
      const closed = await glue(at, "session", "close", out.trim());
      expect(closed.err).toContain(EXECUTOR_DEAD);
      expect((await sessionOf(at)).state).toBe("lost");
      expect((await glue(at, "session", "apply", out.trim())).code).toBe(1);
    },
  );

  testLongWithModal("a run is warned before its sandbox's end, and what was changed until then is saved", async () => {
    const at = await repository(double, sdk);
    const script = "echo made >made; sleep 600";
    const ran = await glue(at, "run", "--set", "modal.sandbox_timeout_seconds=12", "-c", script);
    expect(ran.code).toBe(125);
    expect(ran.err).toMatch(/The sandbox of session \S+ ends by itself in \d+ seconds, at \S+Z\.\n/);
    expect(ran.err).toMatch(/ends by itself in \d seconds, at .*Z; what runs in it then is cut off/);
    expect(ran.err).toContain("(executorDead)");
    expect(readFileSync(join(await landed(at, (await sessionOf(at)).id), "made"), "utf8")).toBe("made\n");
  });

  testWithModal(
    "a sidecar that is killed in a run is seen at once; the sandbox is kept, and closing brings the work back",
    async () => {
      const at = await repository(double, sdk);
      const child = start(at, "run", "-c", "echo made >made; echo ready; sleep 600");
      await waitFor(child, "ready");
      const { id } = await sessionOf(at);
      const began = performance.now();
      const sidecar = sidecarOf(child.pid);
      // It leads a session of its own: what a key of the terminal sends is not for it.
      expect(readFileSync(`/proc/${sidecar}/stat`, "latin1").split(") ")[1]?.split(" ")[3]).toBe(String(sidecar));
      process.kill(sidecar, "SIGKILL");
      const err = await child.stderr.text();
      expect(await child.exited).toBe(125);
      expect(performance.now() - began).toBeLessThan(10_000);
      expect(err).toContain("The Modal sidecar has ended (SIGKILL)");
      expect(await running(at, id)).toBe(1);
      await succeed(at, "session", "close", id);
      expect(await running(at, id)).toBe(0);
      expect(readFileSync(join(await landed(at, id), "made"), "utf8")).toBe("made\n");
    },
  );

  testWithModal(
    "an open session's keeper serves its sidecar to every process; its death costs nothing but speed",
    async () => {
      const at = await repository(double, sdk);
      const id = (await succeed(at, "session", "start")).out.trim();
      const folder = join(at.home, "sessions", id);
      const served = join(folder, "keeper.served");
      await until("the keeper serves", () => existsSync(served), 30_000);
      expect(lstatSync(served).mode & 0o777).toBe(0o600);
      await succeed(at, "exec", "-s", id, "-c", "echo first >one");
      const before = (await double.state()).calls;
      expect((await succeed(at, "exec", "-s", id, "-c", "cat one; head -c 3000000 /dev/zero | wc -c")).out).toBe(
        "first\n3000000\n",
      );
      const after = (await double.state()).calls;
      // No connection of their own: nobody asked for the way to the sandbox.
      for (const call of [
        "SandboxGetTaskId",
        "SandboxGetTaskIdV2",
        "SandboxGetCommandRouterAccess",
        "TaskGetCommandRouterAccess",
      ]) {
        expect([call, after[call]]).toEqual([call, before[call]]);
      }
      const { pid } = JSON.parse(readFileSync(join(folder, "keeper.json"), "utf8")) as { pid: number };
      const long = start(at, "exec", "-s", id, "-c", "echo ready; sleep 2; echo done");
      const reader = await waitFor(long, "ready");
      process.kill(pid, "SIGKILL");
      await until("the keeper is dead", () => !runs(pid));
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("done\n");
      expect(await long.exited).toBe(0);
      expect((await succeed(at, "exec", "-s", id, "-c", "cat one")).out).toBe("first\n");
      await succeed(at, "session", "close", id);
      expect(await running(at, id)).toBe(0);
      expect(readFileSync(join(await landed(at, id), "one"), "utf8")).toBe("first\n");
    },
  );

  testWithModal("a run whose change cannot be captured keeps its sandbox until it is given up", async () => {
    const at = await repository(double, sdk);
    const ran = await glue(
      at,
      "run",
      "--set",
      "capture_cap_mb=1",
      "-c",
      "echo made >made; head -c 2000000 /dev/urandom >big",
    );
    expect({ code: ran.code, err: ran.err }).toEqual({ code: 125, err: expect.stringContaining("capture_cap_mb") });
    const { id } = await sessionOf(at);
    await Bun.sleep(1_000);
    expect(await running(at, id)).toBe(1);
    expect((await glue(at, "session", "close", id)).code).toBe(1);
    await succeed(at, "session", "rm", "--force", id);
    expect(await running(at, id)).toBe(0);
  });

  testWithModal("the token is nowhere on disk, nor in what is printed", async () => {
    const at = await repository(double, sdk);
    const secret = at.env.MODAL_TOKEN_SECRET ?? "";
    const ran = await succeed(at, "run", "-v", "--", "env");
    expect(ran.out + ran.err).not.toContain(secret);
    for (const name of readdirSync(at.home, { recursive: true, withFileTypes: true })) {
      if (name.isFile()) expect(readFileSync(join(name.parentPath, name.name), "latin1")).not.toContain(secret);
    }
  });
}
