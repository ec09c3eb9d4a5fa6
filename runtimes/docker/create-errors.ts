import { GlueError } from "../contract.ts";
import { type DockerApi, isMissing } from "./api.ts";
import { EngineError } from "./engine.ts";

/** The engine was started without the little init that a container's zombies are left to. */
export function isInitMissing(error: unknown): boolean {
  return error instanceof EngineError && error.message.includes("docker-init");
}

/** A create that fails for a missing image only; a missing network has the same status. */
export function isImageMissing(error: unknown): boolean {
  return isMissing(error) && /No such image/i.test(error instanceof Error ? error.message : "");
}

/** Nothing of the user's has run in it yet. */
export async function discard(api: DockerApi, container: string, because: unknown): Promise<void> {
  try {
    await api.removeContainer(container);
  } catch (error) {
    if (isMissing(error)) return;
    const first = because instanceof Error ? because.message : String(because);
    const message = error instanceof Error ? error.message : String(error);
    throw new GlueError(
      "runtimeUnreachable",
      `${first} Its container ${container.slice(0, 12)} could not be removed: ${message}`,
      {
        hint: `docker rm --force ${container.slice(0, 12)} removes it; glue prune finds it.`,
        cause: because,
      },
    );
  }
}

/** What the engine says against a container, in its own words. */
export function createFailure(error: unknown, image: string): unknown {
  if (!(error instanceof EngineError)) return error;
  const { message } = error;
  if (/executable file not found|no such file or directory.*exec|exec format error/i.test(message)) {
    const why = /exec format error/i.test(message)
      ? "it is made for another processor"
      : "it cannot run what is to keep it up";
    return new GlueError("sandboxUnusable", `The image ${image} cannot be used as a sandbox: ${why} (${message}).`, {
      hint: "A sandbox needs sh, cat, mkdir, kill and tar. Set docker.image to an image that has them.",
      cause: error,
    });
  }
  if (/unable to find (user|group)|no matching entries in (passwd|group)/i.test(message)) {
    return new GlueError(
      "optionInvalid",
      `The image ${image} does not know the user that docker.user names: ${message}`,
      {
        hint: "Give a name that the image has, uid, uid:gid, or host.",
        cause: error,
      },
    );
  }
  if (/invalid mount config|bind source path does not exist/i.test(message)) {
    return new GlueError("mountMismatch", `The engine cannot mount a folder of this machine: ${message}`, {
      hint: "The engine runs elsewhere, or in a virtual machine that does not share the folder. Use --copy.",
      cause: error,
    });
  }
  if (/invalid reference format/i.test(message)) {
    return new GlueError("imageNotFound", `docker.image: ${JSON.stringify(image)} is no name of an image: ${message}`, {
      cause: error,
    });
  }
  return new GlueError("sandboxCreateFailed", `The Docker engine could not make the container: ${message}`, {
    cause: error,
  });
}
