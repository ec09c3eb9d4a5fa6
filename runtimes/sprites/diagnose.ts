import { type Check, GlueError, type Options } from "../contract.ts";
import type { SpriteCli } from "./cli.ts";
import { cliError, failureOf } from "./cli-errors.ts";
import { stateOf } from "./destroy.ts";

const INSTALL =
  "Install the sprite CLI (https://docs.sprites.dev/cli/installation), or set sprites.sprite_cli to its path";

/** What of sprites is ready: the program, whether it is logged in, the organization, a named sprite. Wakes and changes nothing. */
export async function diagnose(cli: SpriteCli, options: Options): Promise<Check[]> {
  const program = await programCheck(cli);
  if (program.status !== "ok") return [program];
  const login = await loginCheck(cli);
  const org: Check = { name: "organization", status: "ok", detail: cli.org ?? "the one that the sprite CLI is set to" };
  if (login.status !== "ok") return [program, login, org];
  const name = options["sprites.sprite_name"];
  return [program, login, org, ...(name === undefined ? [] : [await namedCheck(cli, name)])];
}

async function programCheck(cli: SpriteCli): Promise<Check> {
  const name = "sprite CLI";
  try {
    const { code, stdout, stderr } = await cli.version();
    if (code === 0)
      return { name, status: "ok", detail: `${stdout.toString().trim().split("\n")[0]} (${cli.program})` };
    return {
      name,
      status: "missing",
      detail: `${cli.program} --version ended with ${code}: ${stderr.trim()}`,
      fix: INSTALL,
    };
  } catch (error) {
    if (!(error instanceof GlueError)) throw error;
    return { name, status: "missing", detail: error.message, fix: INSTALL };
  }
}

/** The program has no command that tells; to list is what works only with a login. */
async function loginCheck(cli: SpriteCli): Promise<Check> {
  const name = "login";
  try {
    const { code, stderr } = await cli.list("glue-doctor-");
    if (code === 0) return { name, status: "ok", detail: "the service accepts it" };
    if (failureOf(stderr) === "loggedOut")
      return { name, status: "missing", detail: "the sprite CLI is not logged in", fix: "sprite login" };
    return {
      name,
      status: "missing",
      detail: cliError("The service does not answer", stderr).message,
      fix: "sprite list shows more",
    };
  } catch (error) {
    if (!(error instanceof GlueError)) throw error;
    return { name, status: "missing", detail: error.message, fix: "sprite list shows more" };
  }
}

async function namedCheck(cli: SpriteCli, name: string): Promise<Check> {
  const check = `sprite ${name}`;
  try {
    const state = await stateOf(cli, name);
    const there = `it is there${state ? ` (${state})` : ""}, and will be resumed`;
    return {
      name: check,
      status: "ok",
      detail: state === undefined ? "it is not there yet, and will be created" : there,
    };
  } catch (error) {
    if (!(error instanceof GlueError)) throw error;
    return { name: check, status: "warn", detail: error.message, fix: `sprite -s ${name} url shows more` };
  }
}
