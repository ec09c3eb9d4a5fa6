import { expect } from "bun:test";
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyTreeIn, storeStream } from "../../../workspace/copy-in.ts";
import { copyTreeOut, streamFile } from "../../../workspace/copy-out.ts";
import { tempDir } from "../../support/needs.ts";
import type { Bench, Place } from "../bench.ts";
import { listing } from "../listing.ts";

let folders = 0;

/** A folder of its own in the sandbox, absolute. */
const fresh = ({ session }: Place) => `${session.paths.workspace}/copied ${++folders}`;

/** Whatever a tree can hold. */
function tree(): string {
  const top = join(tempDir(), "a tree");
  mkdirSync(join(top, "sub", "empty"), { recursive: true });
  writeFileSync(join(top, "plain"), "text\n", { mode: 0o640 });
  writeFileSync(join(top, "run me"), "#!/bin/sh\n");
  chmodSync(join(top, "run me"), 0o755);
  writeFileSync(join(top, "sub", "nothing"), "");
  writeFileSync(
    join(top, "sub", "-rf"),
    Uint8Array.from({ length: 70_000 }, (_, i) => i % 256),
  );
  writeFileSync(join(top, "sub", "line\nbreak \\ \"'$x"), "odd");
  writeFileSync(Buffer.concat([Buffer.from(join(top, "sub", "bytes ")), Buffer.from([0xff])]), "no text");
  writeFileSync(join(top, "sub", "x".repeat(200)), "long");
  linkSync(join(top, "plain"), join(top, "second name"));
  symlinkSync("../plain", join(top, "sub", "link"));
  symlinkSync("/nowhere/at all", join(top, "dangling"));
  mkdirSync(join(top, "read only"));
  writeFileSync(join(top, "read only", "file"), "kept");
  chmodSync(join(top, "read only"), 0o555);
  return top;
}

/** Files and folders between this machine and a sandbox. */
export function copying(bench: Bench): void {
  const shows = (title: string, run: (place: Place) => Promise<void>) => bench.shows("artifacts", title, run);

  shows("a folder goes in and comes out as it was: bytes, names, modes and links", async (place) => {
    const [from, to] = [tree(), fresh(place)];
    const sent = await copyTreeIn(place.session, from, to);
    expect(sent).toMatchObject({ files: 9, folders: 4, links: 2, verified: "sha256", skipped: [] });
    const back = join(tempDir(), "back");
    const fetched = await copyTreeOut(place.session, to, back);
    expect({ ...fetched, bytes: 0 }).toEqual({ ...sent, bytes: 0 });
    expect(listing(back)).toEqual(listing(from));
    // Once more, over what is there.
    await copyTreeIn(place.session, join(from, "sub"), `${to}/sub`);
    await copyTreeOut(place.session, to, back);
    expect(listing(back)).toEqual(listing(from));
  });

  shows("forty million bytes go in and come out, compared by their hash", async (place) => {
    const from = join(tempDir(), "large");
    writeFileSync(from, crypto.getRandomValues(new Uint8Array(65_536)));
    const piece = readFileSync(from);
    writeFileSync(from, Buffer.concat(Array.from({ length: 611 }, () => piece)));
    const to = `${fresh(place)}/in a/new folder`;
    const seen: number[] = [];
    const progress = ({ done }: { done?: number }) => void seen.push(done ?? 0);
    const sent = await copyTreeIn(place.session, from, to, { progress });
    expect(sent).toMatchObject({ files: 1, bytes: 611 * 65_536, verified: "sha256" });
    expect(seen.at(-1)).toBe(611 * 65_536);
    const back = join(tempDir(), "back");
    expect(await copyTreeOut(place.session, to, back)).toMatchObject({ bytes: 611 * 65_536, verified: "sha256" });
    expect(readFileSync(back).equals(readFileSync(from))).toBe(true);
  });

  shows("a stream of unknown length becomes a file, and a file a stream", async (place) => {
    const to = `${fresh(place)}/from stdin`;
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7) % 256);
    expect(await storeStream(place.session, new Blob([bytes]).stream(), to)).toMatchObject({
      bytes: 3_000_000,
      verified: "sha256",
    });
    const { stream, done } = await streamFile(place.session, to);
    expect(Buffer.compare(Buffer.from(await new Response(stream).arrayBuffer()), Buffer.from(bytes))).toBe(0);
    expect(await done()).toMatchObject({ verified: "sha256" });
    // What is there is replaced whole, and keeps its mode.
    await place.session.workspace.write(to, new TextEncoder().encode("old"), { mode: 0o600 });
    await storeStream(place.session, new Blob(["new"]).stream(), to);
    expect(await place.session.workspace.stat(to)).toMatchObject({ size: 3, mode: 0o600 });
    const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("torn")) });
    await expect(storeStream(place.session, broken, to)).rejects.toThrow();
    expect(new TextDecoder().decode(await place.session.workspace.read(to))).toBe("new");
    expect((await place.session.workspace.list(to.slice(0, to.lastIndexOf("/")))).length).toBe(1);
  });

  shows("what is not there, or in the way, is named, and nothing is half done", async (place) => {
    const to = fresh(place);
    const from = tree();
    await place.session.workspace.write(`${to}/file`, new TextEncoder().encode("mine"));
    await expect(copyTreeIn(place.session, from, `${to}/file/below`)).rejects.toMatchObject({ code: "notADirectory" });
    await expect(copyTreeIn(place.session, `${from}/none`, to)).rejects.toMatchObject({ code: "fileNotFound" });
    await expect(copyTreeIn(place.session, `${from}/plain`, to)).rejects.toMatchObject({ code: "isADirectory" });
    const out = join(tempDir(), "out");
    await expect(copyTreeOut(place.session, `${to}/none`, out)).rejects.toMatchObject({ code: "fileNotFound" });
    expect(existsSync(out)).toBe(false);
    expect(new TextDecoder().decode(await place.session.workspace.read(`${to}/file`))).toBe("mine");
  });
}
