/** A process to be killed: captures or lands what a JSON file describes, and says when it is done. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CaptureRequest, capture } from "../../workspace/capture.ts";
import { land } from "../../workspace/land.ts";
import { PLAIN_ENV } from "../workspace/hand-stage.ts";
import { localSandbox } from "../workspace/local-sandbox.ts";

const [, , what, file] = process.argv;
const { root, user, request } = JSON.parse(readFileSync(file ?? "", "utf8")) as {
  root: string;
  user: string;
  request: CaptureRequest;
};
if (what === "land") await land({ ...request, sessionId: "s1", target: user });
else await capture(localSandbox(join(root, "box"), PLAIN_ENV), { ...request, now: new Date() });
