/** What prune does with containers when the engine, or what is known, does not help. */
import { describe, expect } from "bun:test";
import { realpathSync, rmSync } from "node:fs";
import { type Home, openHome } from "../../session/home.ts";
import { sessionIds } from "../../session/store.ts";
import { glue, REAL_ENGINE, startGlue } from "../support/glue.ts";
import { IMAGES, type Need, testNeeding } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";
import { engineWithFaults, type Fault } from "./engine-proxy.ts";
import { leftovers } from "./leftovers.ts";

const NEEDS: readonly Need[] = ["linux", "image:debian-git"];
const DOCKER = [
  "-r",
  "docker",
  "--set",
  `docker.image=${IMAGES["debian-git"]}`,
  "--set",
  "docker.fallback_to_host=false",
];

interface Item {
  session: string;
  outcome: string;
  why: string;
}

const newHome = () => openHome({ GLUE_HOME: tempDir() });

/** A container of a glue that was killed while its command ran. */
async function orphan(home: Home, cwd: string, ...args: string[]): Promise<string> {
  const child = startGlue(home, ["run", ...DOCKER, ...args, "-c", "echo made inside > made; echo ready; sleep 300"], {
    cwd,
    env: REAL_ENGINE,
  });
  const reader = child.stdout.getReader();
  await reader.read();
  child.kill("SIGKILL");
  await child.exited;
  return sessionIds(home).at(-1) ?? "";
}

async function prune(
  home: Home,
  cwd: string,
  engine?: { host: string },
): Promise<{
  code: number;
  stderr: string;
  item: Item | undefined;
  unasked: { runtime: string; why: string }[];
  id: string;
}> {
  const id = sessionIds(home).at(-1) ?? "";
  const env = engine === undefined ? REAL_ENGINE : { DOCKER_HOST: engine.host };
  const { code, stdout, stderr } = await glue(home, ["prune", "--json"], { cwd, env });
  const { items, unasked } = JSON.parse(stdout);
  return { code, stderr, unasked, id, item: items.find((item: Item) => item.session === id) };
}

const deletes = (method: string) => method === "DELETE";
const asksForOne = (method: string, path: string) => method === "GET" && /\/containers\/[^/]+\/json/.test(path);
const lists = (_: string, path: string) => /\/containers\/json/.test(path);

describe("prune with an engine that does not help", () => {
  const cases: [string, (method: string, path: string) => boolean, Fault][] = [
    ["a release that is denied leaves the container and is reported", deletes, 403],
    ["a release that fails is not a release", deletes, 500],
    ["a container that the engine cannot tell about is not gone", asksForOne, 500],
    ["a list that fails is not an empty list", lists, 500],
    ["an engine that hangs is asked within bounds", lists, "hang"],
  ];
  for (const [title, hit, fault] of cases) {
    testNeeding(
      NEEDS,
      title,
      async () => {
        const [home, cwd] = [newHome(), realpathSync(tempDir())];
        const id = await orphan(home, cwd);
        const engine = engineWithFaults((method, path) => (hit(method, path) ? fault : "pass"));
        // The session's record names the engine that it was opened on; the proxy stands in for it from here on.
        const path = `${home.sessions}/${id}/meta.json`;
        const text = await Bun.file(path).text();
        await Bun.write(path, text.replace(/"engine": "[^"]*"/, `"engine": "${engine.host}"`));
        try {
          const report = await prune(home, cwd, engine);
          expect(report.code).toBe(1);
          if (hit === lists) expect(report.unasked).toEqual([expect.objectContaining({ runtime: "docker" })]);
          else expect(report.item).toMatchObject({ session: id, outcome: "failed" });
          if (hit !== lists) expect(leftovers("docker", id)).toHaveLength(1);
        } finally {
          engine.stop();
        }
        await Bun.write(path, text);
        const mended = await prune(home, cwd);
        if (mended.item !== undefined) expect(mended.item).toMatchObject({ outcome: "released" });
        expect(leftovers("docker", id)).toEqual([]);
      },
      120_000,
    );
  }
});

testNeeding(
  NEEDS,
  "a container that the engine makes only after its glue was killed does not outlive prune",
  async () => {
    const [home, cwd] = [newHome(), realpathSync(tempDir())];
    const asked = Promise.withResolvers<void>();
    const engine = engineWithFaults((method, path) => {
      if (method !== "POST" || !path.includes("/containers/create")) return "pass";
      asked.resolve();
      return "late";
    });
    try {
      const child = startGlue(home, ["run", ...DOCKER, "--", "true"], { cwd, env: { DOCKER_HOST: engine.host } });
      await asked.promise;
      child.kill("SIGKILL");
      await child.exited;
      const { item, id } = await prune(home, cwd, engine);
      expect(item).toMatchObject({ session: id, outcome: "released" });
      expect(leftovers("docker", id)).toEqual([]);
    } finally {
      engine.stop();
    }
  },
  120_000,
);

describe("containers whose record is not in this home", () => {
  testNeeding(
    NEEDS,
    "one that worked on the user's files is released once its process is gone",
    async () => {
      const [gone, home, cwd] = [newHome(), newHome(), realpathSync(tempDir())];
      const id = await orphan(gone, cwd);
      rmSync(gone.root, { recursive: true });
      const { stdout } = await glue(home, ["prune", "--json"], { cwd, env: REAL_ENGINE });
      expect(JSON.parse(stdout).items.find((item: Item) => item.session === id)).toMatchObject({ outcome: "released" });
      expect(leftovers("docker", id)).toEqual([]);
    },
    120_000,
  );

  testNeeding(
    NEEDS,
    "one that may hold a change is kept, and left to the home that can save it",
    async () => {
      const [other, home, cwd] = [newHome(), newHome(), realpathSync(tempDir())];
      const id = await orphan(other, cwd, "--copy");
      const { stdout } = await glue(home, ["prune", "--json"], { cwd, env: REAL_ENGINE });
      expect(JSON.parse(stdout).items.find((item: Item) => item.session === id)).toMatchObject({ outcome: "unknown" });
      expect(leftovers("docker", id)).toHaveLength(1);
      const saved = await prune(other, cwd);
      expect(saved.item).toMatchObject({ outcome: "released", captured: true });
      expect(leftovers("docker", id)).toEqual([]);
      const shown = await glue(other, ["session", "diff", id], { cwd, env: REAL_ENGINE });
      expect(shown.stdout).toContain("+made inside");
    },
    120_000,
  );
});

testNeeding(
  NEEDS,
  "a container that was stopped with a change in it is started again, saved and released",
  async () => {
    const [home, cwd] = [newHome(), realpathSync(tempDir())];
    const id = await orphan(home, cwd, "--copy");
    const docker = (...args: string[]) => Bun.spawnSync(["docker", ...args]);
    docker("stop", "-t", "0", `glue-${id}`);
    const saved = await prune(home, cwd);
    expect(saved.item).toMatchObject({ outcome: "released", captured: true });
    expect(leftovers("docker", id)).toEqual([]);
  },
  120_000,
);

testNeeding(
  NEEDS,
  "a container that somebody removed with a change in it is lost, and prune says so",
  async () => {
    const [home, cwd] = [newHome(), realpathSync(tempDir())];
    const id = await orphan(home, cwd, "--copy");
    Bun.spawnSync(["docker", "rm", "-f", `glue-${id}`]);
    const { item } = await prune(home, cwd);
    expect(item?.why).toContain("no longer exists");
    const { stdout } = await glue(home, ["session", "list", "--all", "--json"], { cwd, env: REAL_ENGINE });
    expect(JSON.parse(stdout).sessions).toEqual([expect.objectContaining({ id, state: "lost" })]);
  },
  120_000,
);
