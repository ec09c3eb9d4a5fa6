import { startDouble } from "../../doubles/sprite/server.ts";
import type { ContractTarget } from "../target.ts";

export const sprites: ContractTarget = {
  id: "sprites-double",
  runtime: "sprites",
  label: "sprites, a double of the service and of its CLI",
  needs: ["linux", "root"],
  async start() {
    const double = startDouble();
    // The program finds its service there; the runtime hands it this process's environment.
    Object.assign(process.env, double.env);
    return {
      against: "a double of the sprite CLI and its service, proven by @fly/sprites 0.1.0",
      set: { "sprites.sprite_cli": double.cli },
      env: double.env,
      mode: "copy",
      hostAddress: "127.0.0.1",
      // Commands run as the image's own user.
      unprivileged: {},
      stop: () => double.stop(),
    };
  },
};
