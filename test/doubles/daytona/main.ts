/**
 * The double by itself: prints one line of JSON with its address, its key and its folder, and runs until its stdin ends. Options as JSON in
 * the first argument; with a second one the line is written to that file, for whoever waits without letting their own process go on.
 */
import { renameSync, writeFileSync } from "node:fs";
import { type DoubleOptions, startDouble } from "./server.ts";

const double = startDouble(JSON.parse(process.argv[2] ?? "{}") as DoubleOptions);
const { url, apiKey, folder } = double;
const line = JSON.stringify({ url, apiKey, folder });
const [, , , file] = process.argv;
if (file === undefined) {
  console.log(line);
} else {
  writeFileSync(`${file}.new`, line);
  renameSync(`${file}.new`, file);
}
for await (const _ of Bun.stdin.stream());
await double.stop();
