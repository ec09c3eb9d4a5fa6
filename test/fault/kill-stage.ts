// Takes a snapshot and stages it, to be killed at any moment. Arguments: the tree, $GLUE_HOME, the session's folder, the sandbox's root.
import { prepareSnapshot } from "../../workspace/snapshot-prepare.ts";
import { stageTree } from "../../workspace/stage.ts";
import { localSandbox } from "../workspace/local-sandbox.ts";

const [top = "", glueHome = "", sessionDir = "", root = "", cap] = process.argv.slice(2);
const prepared = prepareSnapshot({ top, subfolder: "", outsideGitDirs: [] }, { glueHome, sessionDir });
const options = cap === undefined ? {} : { bundleCapBytes: Number(cap) };
const { base } = await stageTree(localSandbox(root, { HOME: root }), prepared, options);
console.log(base.base?.commit);
