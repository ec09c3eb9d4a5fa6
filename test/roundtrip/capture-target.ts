/** A process to be killed: captures, lands or takes back what a JSON file describes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CaptureRequest, capture } from "../../workspace/capture.ts";
import { landInPlace } from "../../workspace/in-place.ts";
import { listRecords } from "../../workspace/in-place-record.ts";
import { undoInPlace, undoInterrupted } from "../../workspace/in-place-undo.ts";
import { land } from "../../workspace/land.ts";
import { testSandbox } from "../support/roundtrip-on.ts";
import { PLAIN_ENV } from "../workspace/hand-stage.ts";

const [, , what, file] = process.argv;
const { root, user, request } = JSON.parse(readFileSync(file ?? "", "utf8")) as {
  root: string;
  user: string;
  request: CaptureRequest;
};
switch (what) {
  case "land":
    await land({ ...request, sessionId: "s1", target: user });
    break;
  case "in-place":
    await undoInterrupted(request.sessionDir);
    await landInPlace({ ...request, now: new Date(), sessionId: "s1", target: user, home: join(root, "home") });
    break;
  case "undo":
    for (const kept of listRecords(request.sessionDir).reverse()) await undoInPlace(kept);
    break;
  default:
    await capture(testSandbox(join(root, "box"), PLAIN_ENV), { ...request, now: new Date() });
}
