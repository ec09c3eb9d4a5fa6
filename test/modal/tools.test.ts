import { testToolsIn } from "../support/tool-sessions.ts";
import { doubleProblem } from "./double.ts";
import { withDouble, withEachSdk } from "./each-sdk.ts";
import { folder } from "./user.ts";

withEachSdk((sdk) =>
  testToolsIn("sandbox", doubleProblem, (use) =>
    withDouble(sdk, async (double) => {
      const { home, env } = folder(double, sdk);
      await use({ runtime: "modal", env: { ...env, GLUE_HOME: home } });
    }),
  ),
);
