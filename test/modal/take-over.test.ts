/** Sandboxes that outlive their session, and the sessions that come back to them. */
import { expect } from "bun:test";
import { type ModalDouble, type Sdk, testLongWithModal, testWithModal } from "./double.ts";
import { shareDouble, withEachSdk } from "./each-sdk.ts";
import { glue, repository, running, type Setting, succeed } from "./user.ts";

const KEEP = ["--set", "modal.delete_on_close=false"];

async function start(at: Setting, ...words: string[]): Promise<string> {
  return (await succeed(at, "session", "start", "-q", ...words)).out.trim();
}
const inside = async (at: Setting, id: string, script: string) =>
  (await succeed(at, "exec", "-s", id, "-c", script)).out;

withEachSdk(keeping);

function keeping(sdk: Sdk): void {
  let double: ModalDouble;
  shareDouble(sdk, (made) => {
    double = made;
  });

  testWithModal("a session that was kept is gone on with, and each brings back its own change", async () => {
    const at = await repository(double, sdk);
    const first = await start(at, ...KEEP);
    const name = `glue-${first}`;
    await inside(at, first, "echo 2 >second && git add -A && git commit -qm second && touch /tmp/cache");
    const { out } = await succeed(at, "session", "show", "--json", first);
    await succeed(at, "session", "close", "-q", first);
    expect(await running(at, first)).toBe(1);
    const pruned = JSON.parse((await succeed(at, "prune", "--json")).out) as { items: { session: string }[] };
    expect(pruned.items.filter(({ session }) => session === first)).toEqual([]);
    expect(await running(at, first)).toBe(1);

    // By the id of the session that kept it.
    const second = await start(at, "--attach", first);
    expect(second).not.toBe(first);
    expect(await inside(at, second, "cat second; ls /tmp/cache; echo 3 >third")).toBe("2\n/tmp/cache\n");
    const busy = await glue(at, "session", "start", "--attach", name);
    expect([busy.code, busy.err.includes(`is in use by session ${second}`)]).toEqual([1, true]);
    expect(await inside(at, second, "cat third")).toBe("3\n");
    // Its end is that of the sandbox, which did not begin anew.
    const deadline = (text: string) => Date.parse((JSON.parse(text) as { deadline: string }).deadline);
    expect(deadline((await succeed(at, "session", "show", "--json", second)).out)).toBe(deadline(out));
    await succeed(at, "session", "close", "-q", second);
    expect(await running(at, first)).toBe(1);
    const diff = (await succeed(at, "session", "diff", "--stat", second)).out;
    expect([diff.includes("third"), diff.includes("second")]).toEqual([true, false]);

    // The work of the second was never committed inside: it is not mixed into a third session's.
    const third = await glue(at, "session", "start", "--attach", name);
    expect([third.code, third.err.includes("uncommitted changes")]).toEqual([1, true]);
    expect(await running(at, first)).toBe(1);
  });

  testLongWithModal(
    "a sandbox is taken over by its own id; what is gone, or nobody of glue's made, is said",
    async () => {
      const at = await repository(double, sdk);
      const first = await start(at, ...KEEP);
      await succeed(at, "session", "close", "-q", first);
      const box = (await double.state()).sandboxes.find(({ tags }) => tags["glue-session"] === first);
      const second = await start(at, "--attach", box?.id ?? "");
      await inside(at, second, "touch made");
      expect((await glue(at, "session", "rm", "--force", "-q", second)).code).toBe(0);
      expect(await running(at, first)).toBe(1);
      const missing = await glue(at, "session", "start", "--attach", "sb-0000000000000000000000");
      expect([missing.code, missing.err.includes("has no sandbox sb-0000000000000000000000 of glue's")]).toEqual([
        1,
        true,
      ]);
      await double.end("timeout");
      const gone = await glue(at, "session", "start", "--attach", `glue-${first}`);
      expect([gone.code, gone.err.includes(`has no sandbox glue-${first}`)]).toEqual([1, true]);
    },
  );
}
