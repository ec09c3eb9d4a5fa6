import { networkInterfaces } from "node:os";
import { IMAGES, type Need } from "../../support/needs.ts";
import type { ContractTarget, StartedTarget } from "../target.ts";

async function docker(...words: string[]): Promise<string> {
  const child = Bun.spawn(["docker", ...words], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`docker ${words.join(" ")} failed`);
  return text.trim();
}

/** This machine's own address on the engine's default network. An engine need not say it; then the bridge's interface does. */
async function bridgeAddress(): Promise<string | undefined> {
  const format = '{{(index .IPAM.Config 0).Gateway}}|{{index .Options "com.docker.network.bridge.name"}}';
  const [gateway, name = ""] = (await docker("network", "inspect", "bridge", "--format", format)).split("|");
  if (gateway && gateway !== "<no value>") return gateway;
  return networkInterfaces()[name || "docker0"]?.find(({ family }) => family === "IPv4")?.address;
}

async function start(image: keyof typeof IMAGES): Promise<StartedTarget> {
  const version = await docker("version", "--format", "{{.Server.Version}}");
  const hostAddress = await bridgeAddress();
  return {
    against: `Docker Engine ${version}, ${IMAGES[image]}`,
    set: { "docker.image": IMAGES[image] },
    env: process.env.DOCKER_HOST === undefined ? {} : { DOCKER_HOST: process.env.DOCKER_HOST },
    mode: "direct",
    ...(hostAddress === undefined ? {} : { hostAddress }),
    unprivileged: { "docker.user": "65534:65534" },
    stop: async () => undefined,
  };
}

const on = (image: keyof typeof IMAGES, depth: NonNullable<ContractTarget["depth"]>): ContractTarget => ({
  id: `docker-${image}`,
  runtime: "docker",
  label: `docker, ${IMAGES[image]}`,
  needs: [`image:${image}` satisfies Need],
  depth,
  start: () => start(image),
});

// Commands go by the lane in this one, and by execs of the engine's in busybox, whose setsid knows no -f: the suite runs over both.
export const dockerDebian = on("debian-git", "whole");
export const dockerBusybox = on("busybox", "lean");
export const dockerPlain = on("debian-nogit", "basics");
