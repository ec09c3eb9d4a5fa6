import { statfsSync } from "node:fs";
import { type Check, isGlueError, type Options } from "../contract.ts";
import { DockerApi, type EngineInfo, isMissing } from "./api.ts";
import { asGlueError } from "./container-errors.ts";
import { type Endpoint, type Env, resolveEndpoint } from "./endpoint.ts";
import { CONTACT_MS, connectEngine } from "./engine.ts";
import { parseReference } from "./image-reference.ts";
import { registryAuth } from "./registry-auth.ts";

/** Less than this may not be enough for an image and a tree. Bytes. */
const LITTLE_SPACE = 1_000_000_000;

/** What of docker is ready: the engine and whether one may use it, the image, the init, the space. Changes nothing. */
export async function diagnose(options: Options, env: Env): Promise<Check[]> {
  let endpoint: Endpoint;
  let api: DockerApi;
  let info: EngineInfo;
  try {
    endpoint = resolveEndpoint(env);
    api = await DockerApi.contact(await connectEngine(endpoint), CONTACT_MS);
    info = await api.info();
  } catch (error) {
    return [engineMissing(error)];
  }
  const version = `${info.ServerVersion}, API ${api.version || "unknown"}, at ${endpoint.url} (from ${endpoint.source})`;
  return [
    { name: "engine", status: "ok", detail: version },
    { name: "permission", status: "ok", detail: "you may use it" },
    await imageCheck(api, options["docker.image"], env),
    initCheck(info),
    storageCheck(info, endpoint),
  ];
}

function engineMissing(error: unknown): Check {
  const failure = asGlueError(error, "The Docker engine cannot be used");
  const name = isGlueError(failure, "permissionDenied") ? "permission" : "engine";
  return {
    name,
    status: "missing",
    detail: failure.message,
    ...(failure.hint === undefined ? {} : { fix: failure.hint }),
  };
}

async function imageCheck(api: DockerApi, image: string, env: Env): Promise<Check> {
  const name = "image";
  try {
    const { Size, Architecture } = await api.inspectImage(image);
    return { name, status: "ok", detail: `${image} is here (${Math.round(Size / 1e6)} MB, ${Architecture})` };
  } catch (error) {
    if (!isMissing(error))
      return { name, status: "warn", detail: `${image}: ${asGlueError(error, "cannot be looked up").message}` };
  }
  const found = await askRegistry(api, image, env);
  if (found === true)
    return { name, status: "ok", detail: `${image} is not here yet; its registry has it, and it will be pulled` };
  return {
    name,
    status: "missing",
    detail: `${image} is neither here nor to be had: ${found}`,
    fix: `docker pull ${image}, or set docker.image to one of docker image ls`,
  };
}

/** Whether the registry has the image (engine API, "DistributionInspect"): nothing is pulled. True, or what the registry said. */
async function askRegistry(api: DockerApi, image: string, env: Env): Promise<true | string> {
  try {
    const auth = await registryAuth(parseReference(image).registry, env);
    const headers = auth === undefined ? {} : { "x-registry-auth": auth };
    const answer = await api.open({ method: "GET", path: `/distribution/${image}/json`, headers, deadlineMs: 20_000 });
    await answer.text();
    return true;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function initCheck({ InitCommit }: EngineInfo): Check {
  const name = "init";
  if (InitCommit.ID !== "N/A") return { name, status: "ok", detail: "the engine has docker-init" };
  const detail =
    "the engine has no docker-init; sessions run without one, and dead processes stay listed until they end";
  return { name, status: "warn", detail, fix: "install docker-init (in Debian: tini) where the engine runs" };
}

function storageCheck({ Driver, DockerRootDir }: EngineInfo, endpoint: Endpoint): Check {
  const name = "storage";
  const where = `${Driver} at ${DockerRootDir}`;
  const free = endpoint.kind === "unix" ? freeBytes(DockerRootDir) : undefined;
  if (free === undefined) return { name, status: "ok", detail: where };
  const detail = `${where}, ${(free / 1e9).toFixed(1)} GB free`;
  return free < LITTLE_SPACE
    ? { name, status: "warn", detail, fix: "docker system prune frees space" }
    : { name, status: "ok", detail };
}

function freeBytes(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    // Not this machine's folder, or not for our eyes.
    return undefined;
  }
}
