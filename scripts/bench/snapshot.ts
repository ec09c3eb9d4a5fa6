// One side of a comparison: takes the snapshot of a repository and bundles it, as a session does. Arguments: the repository, $GLUE_HOME
// ("" for a new one), the folder for what is written. Prints the size of the bundle.
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { prepareSnapshot } from "../../workspace/snapshot-prepare.ts";

const [top = "", home = "", folder = ""] = process.argv.slice(2);
const glueHome = home === "" ? mkdtempSync(join(folder, "home-")) : home;
const sessionDir = mkdtempSync(join(folder, "session-"));
const ready = await prepareSnapshot({ top, subfolder: "", outsideGitDirs: [] }, { glueHome, sessionDir }).ready;
console.log(ready?.bundle.size);
