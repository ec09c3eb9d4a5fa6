import { release } from "node:os";
import type { ContractTarget } from "../target.ts";

export const host: ContractTarget = {
  id: "host",
  runtime: "host",
  label: "host",
  needs: [],
  start: async () => ({
    against: `the machine itself: ${process.platform} ${process.arch}, kernel ${release().split("-")[0]}`,
    set: { "shell.executable": "sh" },
    env: {},
    mode: "direct",
    hostAddress: "127.0.0.1",
    stop: async () => undefined,
  }),
};
