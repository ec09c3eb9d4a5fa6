/** The tree of a folder as it is at this moment, byte for byte, with an id; repositories inside are named by the commit they have checked out. Nothing of the user's is written. */
import { isGlueError } from "../spec/glue-error.ts";
import { hostGitDir } from "./layout.ts";
import { type TakenSnapshot, takeSnapshot } from "./snapshot.ts";
import { discardStore } from "./snapshot-store.ts";

/** As `takeSnapshot`, tried again from nothing where an object that an earlier one relied on is gone. `top` is absolute and real. */
export async function treeNow(top: string, glueHome: string): Promise<TakenSnapshot> {
  try {
    return await take(top, glueHome);
  } catch (error) {
    if (!isGlueError(error, "gitFailed")) throw error;
    discardStore(hostGitDir(glueHome, top));
    return await take(top, glueHome);
  }
}

async function take(top: string, glueHome: string): Promise<TakenSnapshot> {
  const taken = await takeSnapshot({ top, subfolder: "", outsideGitDirs: [] }, { glueHome, unitsByName: true });
  await taken.leftOut;
  return taken;
}
