/**
 * The double by itself, for tests that wait for a program without letting their own process go on. Writes what its users need to the file that is
 * the first argument, and runs until its stdin ends.
 */
import { renameSync, writeFileSync } from "node:fs";
import { startDouble } from "../server.ts";

const [, , file = ""] = process.argv;
const double = startDouble();
writeFileSync(`${file}.new`, JSON.stringify({ cli: double.cli, env: double.env }));
renameSync(`${file}.new`, file);
for await (const _ of Bun.stdin.stream());
await double.stop();
