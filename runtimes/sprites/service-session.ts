import type { SpriteCli } from "./cli.ts";
import type { Place } from "./place.ts";

/** Ends what the service itself runs for a call, by its token; it is no error where there is none, or where the service does not answer. */
export async function killServiceSession(cli: SpriteCli, place: Place, token: string): Promise<void> {
  const { stdout } = await cli.api(`/v1/sprites/${place.name}/exec`);
  const text = stdout.toString();
  let listed: unknown;
  try {
    listed = JSON.parse(text.slice(0, text.lastIndexOf("\n")));
  } catch {
    // No list, no session that could be named.
    return;
  }
  const sessions = (listed as { sessions?: { id?: unknown; command?: unknown }[] }).sessions ?? [];
  for (const { id, command } of sessions) {
    if (String(command).includes(token)) await cli.killSession(place.name, String(id));
  }
}
