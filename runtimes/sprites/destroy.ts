import { GlueError } from "../contract.ts";
import type { SpriteCli } from "./cli.ts";
import { cliError, failureOf } from "./cli-errors.ts";

const TRIES = 4;

/** Whether the service knows the sprite. Throws where it cannot be told. */
export async function exists(cli: SpriteCli, name: string): Promise<boolean> {
  return (await stateOf(cli, name)) !== undefined;
}

/**
 * What the service says a sprite is (`cold`, `warm`, `running`; "" where it does not say); undefined where it knows none: from the status of its
 * answer, never from text. Wakes nothing. Throws where it cannot be told.
 */
export async function stateOf(cli: SpriteCli, name: string): Promise<string | undefined> {
  let said = "";
  for (let tries = 1; tries <= TRIES; tries++) {
    const { code, stdout, stderr } = await cli.api(`/v1/sprites/${name}`);
    said = stderr;
    const [, body = "", digits = "0"] = /^(.*)(\d{3})\s*$/s.exec(stdout.toString()) ?? [];
    const status = Number(digits);
    if (code === 0 && status === 200) return stateIn(body);
    if (code === 0 && status === 404) return undefined;
    if (failureOf(stderr) === "loggedOut" || status === 401 || status === 403) {
      throw new GlueError("authFailed", "The sprite CLI is not logged in, or may not see this sprite.", {
        hint: "Run sprite login.",
        cause: stderr,
      });
    }
    if (code === 0) said = `Error: HTTP ${status}`;
    await Bun.sleep(300 * tries);
  }
  throw cliError(`It cannot be told whether there is a sprite ${name}`, said);
}

function stateIn(body: string): string {
  try {
    const { status } = JSON.parse(body) as { status?: unknown };
    return typeof status === "string" ? status : "";
  } catch {
    // Another version of the service may answer otherwise; that the sprite is there is known all the same.
    return "";
  }
}

/** Destroys a sprite, and makes sure of it. One that is gone already counts as destroyed. */
export async function destroy(cli: SpriteCli, name: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    const { code, stderr } = await cli.destroy(name);
    // Its words say little; what the service answers afterwards does.
    if (!(await exists(cli, name))) return;
    if (tries >= TRIES) {
      const said = cliError(
        `The sprite ${name} could not be destroyed`,
        code === 0 ? "Error: it is still there" : stderr,
      );
      throw new GlueError(said.code, said.message, {
        hint: said.hint ?? `glue prune tries again; so does sprite destroy ${name}.`,
        cause: stderr,
      });
    }
    await Bun.sleep(300 * tries);
  }
}
