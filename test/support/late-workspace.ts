import type { RuntimeSession, Workspace } from "../../runtimes/contract.ts";

/** The files of a session that is attached to with the first call. */
export function lateWorkspace(attached: () => Promise<RuntimeSession>): Workspace {
  const files = async () => (await attached()).workspace;
  return {
    pieceBytes: 1_000_000,
    read: async (...words) => await (await files()).read(...words),
    write: async (...words) => await (await files()).write(...words),
    download: async (...words) => await (await files()).download(...words),
    upload: async (...words) => await (await files()).upload(...words),
    list: async (...words) => await (await files()).list(...words),
    stat: async (...words) => await (await files()).stat(...words),
    makeDirectory: async (...words) => await (await files()).makeDirectory(...words),
    remove: async (...words) => await (await files()).remove(...words),
    move: async (...words) => await (await files()).move(...words),
  };
}
