/**
 * The double by itself, for tests that wait for a program without letting their own process go on. Writes what its users need to the file that is
 * the first argument, and runs until its stdin ends. The second, where there is one, is a folder that its sprites share with this machine.
 */
import { chmodSync, renameSync, writeFileSync } from "node:fs";
import { startDouble } from "../server.ts";

const [, , file = "", shared] = process.argv;
const double = startDouble(shared === undefined ? {} : { shared });
// Tests call the program as other users as well.
chmodSync(double.env.FAKE_SPRITE_STATE ?? "", 0o755);
writeFileSync(`${file}.new`, JSON.stringify({ cli: double.cli, env: double.env }));
renameSync(`${file}.new`, file);
for await (const _ of Bun.stdin.stream());
await double.stop();
