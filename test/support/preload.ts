// Loaded before the tests of a run (bunfig.toml): its hook is the last thing that runs.
import { afterAll } from "bun:test";
import { removeTempDirs } from "./temp-dir.ts";

afterAll(removeTempDirs);
