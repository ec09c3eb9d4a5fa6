import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Options, RuntimeSession } from "../../runtimes/contract.ts";
import { loadRuntime } from "../../runtimes/factory.ts";
import { createRuntime as createSprites } from "../../runtimes/sprites/index.ts";
import { defaultOptions } from "../../spec/defaults.ts";
import { prepareSnapshot } from "../../workspace/snapshot-prepare.ts";
import { type Staged, type StageOptions, stageTree } from "../../workspace/stage.ts";
import { testWithDouble } from "../daytona/double.ts";
import { optionsFor } from "../daytona/support.ts";
import { contextWith } from "../docker/support.ts";
import { startDouble } from "../doubles/daytona/server.ts";
import { startDouble as startSprites } from "../doubles/sprite/server.ts";
import { doubleProblem as noSprites } from "../sprites/double.ts";
import { IMAGES, testNeeding, testUnless } from "../support/needs.ts";
import { type Case, makeCase } from "../workspace/snapshot-case.ts";
import { expected, filesOf, RICH } from "./stage-case.ts";

interface Box {
  readonly staged: Staged;
  inside(script: string): Promise<string>;
  /** The workspace's files as they are in the sandbox. */
  files(): Promise<Record<string, string>>;
}

/** Opens a sandbox while the snapshot is taken, as a session does, and stages into it. */
async function onRuntime(
  of: Case,
  options: Partial<Options>,
  more: StageOptions & { hostEnv?: Record<string, string> },
  use: (box: Box) => Promise<void>,
): Promise<void> {
  const tree = { top: of.user, subfolder: "", outsideGitDirs: [] };
  const context = contextWith({ tree, mode: "copy" });
  const prepared = prepareSnapshot(tree, {
    glueHome: of.home,
    sessionDir: context.sessionDir,
    hostEnv: more.hostEnv ?? of.env,
  });
  const all = { ...defaultOptions(), ...options };
  const double = all.runtime === "sprites" ? startSprites() : undefined;
  const found = { PATH: process.env.PATH, ...double?.env };
  const runtime = double !== undefined ? createSprites(found) : await loadRuntime(all.runtime);
  const session = await runtime.open(
    double === undefined ? all : { ...all, "sprites.sprite_cli": double.cli },
    context,
  );
  try {
    const staged = await stageTree(session, prepared, more);
    await use({ staged, inside: (script) => run(session, script), files: () => filesIn(of, session) });
  } finally {
    await session.close();
    await double?.stop();
  }
}

async function run(session: RuntimeSession, script: string): Promise<string> {
  const running = await session.executor.run({ script }, {});
  const [out, err, { exitCode }] = await Promise.all([
    new Response(running.stdout).text(),
    new Response(running.stderr).text(),
    running.wait(),
  ]);
  if (exitCode !== 0) throw new Error(`exit ${exitCode}: ${script}\n${out}${err}`);
  return out.trim();
}

/** Brings the workspace back by tar, which is not the way it went in. */
async function filesIn(of: Case, session: RuntimeSession): Promise<Record<string, string>> {
  const into = join(of.root, "back");
  mkdirSync(into);
  const running = await session.executor.run({ script: "tar -c -f - ." }, {});
  const tar = Bun.spawn(["tar", "-x", "-p", "-f", "-"], { cwd: into, stdin: running.stdout });
  await Promise.all([tar.exited, new Response(running.stderr).text(), running.wait()]);
  return Object.fromEntries(filesOf(into));
}

const GIT = "git status --porcelain --untracked-files=all; git log --format=%s; git fsck --full --no-dangling";

describe("a tree with a bit of everything arrives byte for byte", () => {
  test("on the host, in a copy", async () => {
    const of = makeCase(RICH);
    await onRuntime(of, { runtime: "host" }, {}, async ({ staged, inside, files }) => {
      expect(staged.report.strategy).toBe("bundle");
      expect(await inside(GIT)).toBe("uncommitted work");
      expect(await files()).toEqual(expected(of));
    });
  });

  test("in two copies on the host at once", async () => {
    const cases = [makeCase(RICH), makeCase(RICH)];
    await Promise.all(
      cases.map((of) =>
        onRuntime(of, { runtime: "host" }, {}, async ({ files }) => expect(await files()).toEqual(expected(of))),
      ),
    );
  });

  const IN_DOCKER: readonly { image: keyof typeof IMAGES; title: string; more: StageOptions; strategy: string }[] = [
    { image: "debian-git", title: "with git", more: {}, strategy: "bundle" },
    { image: "debian-git", title: "with git, in pieces", more: { bundleCapBytes: 100_000 }, strategy: "chunked" },
    { image: "debian-nogit", title: "without git", more: {}, strategy: "archive" },
    { image: "busybox", title: "with nothing but busybox", more: {}, strategy: "archive" },
  ];
  for (const { image, title, more, strategy } of IN_DOCKER) {
    testNeeding(
      [`image:${image}`],
      `in a container ${title}`,
      async () => {
        const of = makeCase(RICH);
        await onRuntime(
          of,
          { runtime: "docker", "docker.image": IMAGES[image] },
          more,
          async ({ staged, inside, files }) => {
            expect(staged.report.strategy).toBe(strategy as never);
            if (strategy !== "archive") expect(await inside(GIT)).toBe("uncommitted work");
            expect(await files()).toEqual(expected(of));
            expect(await inside("ls -A /tmp")).toBe("");
          },
        );
      },
      120_000,
    );
  }

  const IN_SPRITES: readonly { title: string; more: StageOptions; strategy: string }[] = [
    { title: "whole", more: { bundleCapBytes: 3_000_000 }, strategy: "bundle" },
    { title: "in pieces", more: { bundleCapBytes: 100_000 }, strategy: "chunked" },
    { title: "as an archive", more: { only: ["archive"] }, strategy: "archive" },
  ];
  for (const { title, more, strategy } of IN_SPRITES) {
    testUnless(
      noSprites,
      `in a sprite of the double, ${title}`,
      async () => {
        const of = makeCase(RICH);
        await onRuntime(of, { runtime: "sprites" }, more, async ({ staged, inside, files }) => {
          expect(staged.report.strategy).toBe(strategy as never);
          if (strategy !== "archive") expect(await inside(GIT)).toBe("uncommitted work");
          expect(await files()).toEqual(expected(of));
          expect(await inside("ls -A /tmp")).toBe("");
        });
      },
      120_000,
    );
  }

  const IN_DAYTONA: readonly { title: string; more: StageOptions; lacks: string[]; strategy: string }[] = [
    { title: "with git", more: {}, lacks: [], strategy: "bundle" },
    { title: "with git, in pieces", more: { bundleCapBytes: 100_000 }, lacks: [], strategy: "chunked" },
    { title: "without git", more: {}, lacks: ["git"], strategy: "archive" },
  ];
  for (const { title, more, lacks, strategy } of IN_DAYTONA) {
    testWithDouble(
      `in a sandbox of daytona's double ${title}`,
      async () => {
        const double = startDouble({ lacks });
        try {
          const of = makeCase(RICH);
          await onRuntime(of, await optionsFor(double), more, async ({ staged, inside, files }) => {
            expect(staged.report.strategy).toBe(strategy as never);
            if (strategy !== "archive") expect(await inside(GIT)).toBe("uncommitted work");
            expect(await files()).toEqual(expected(of));
            expect(await inside("ls -A /tmp")).toBe("");
          });
        } finally {
          await double.stop();
        }
      },
      120_000,
    );
  }

  testNeeding(
    ["image:debian-git"],
    "in a container with git, from a host without",
    async () => {
      const of = makeCase(RICH);
      const hostEnv = { ...of.env, PATH: join(of.root, "no-git-here") };
      const options = { runtime: "docker", "docker.image": IMAGES["debian-git"] } as const;
      await onRuntime(of, options, { hostEnv }, async ({ staged, inside, files }) => {
        expect(staged.base).toMatchObject({ strategy: "archive", host: { git: null } });
        expect(staged.base.base?.parent).toBe(of.here("git rev-parse HEAD"));
        expect(await inside(GIT)).toBe("uncommitted work");
        expect(await files()).toEqual(expected(of));
      });
    },
    120_000,
  );
});
