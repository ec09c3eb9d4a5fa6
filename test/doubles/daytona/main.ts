/** The double by itself: prints one line of JSON with its address and key, and runs until its stdin ends. Options as JSON in the first argument. */
import { type DoubleOptions, startDouble } from "./server.ts";

const double = startDouble(JSON.parse(process.argv[2] ?? "{}") as DoubleOptions);
console.log(JSON.stringify({ url: double.url, apiKey: double.apiKey }));
for await (const _ of Bun.stdin.stream());
await double.stop();
