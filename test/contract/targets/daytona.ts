import packageJson from "../../../package.json" with { type: "json" };
import { startDoubleProcess } from "../../daytona/double.ts";
import type { ContractTarget } from "../target.ts";

export const daytona: ContractTarget = {
  id: "daytona-double",
  runtime: "daytona",
  label: "daytona, a double of the service",
  needs: ["linux", "root", "sudo"],
  async start() {
    const double = await startDoubleProcess();
    return {
      against: `a double of the service, proven by @daytonaio/sdk ${packageJson.devDependencies["@daytonaio/sdk"]}`,
      set: {},
      env: { DAYTONA_API_KEY: double.apiKey, DAYTONA_API_BASE_URL: double.url },
      mode: "copy",
      hostAddress: "127.0.0.1",
      unprivileged: {},
      stop: () => double.stop(),
    };
  },
};
