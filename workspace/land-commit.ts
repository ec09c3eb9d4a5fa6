/** A commit written anew with another tree or other parents, and nothing else of it changed. */

/** A commit under its id in the sandbox and the one that it landed with. */
export interface Rewritten {
  readonly from: string;
  readonly to: string;
}

/**
 * The bytes of a commit (given as latin1 text) with another tree (where one is given) and other parents (those given, or else its own
 * by their new names); undefined where it stays as it is. Every other header stays, in its order; a signature goes, because it no longer
 * holds, and so does a merged tag whose commit has another id now.
 */
export function rewriteCommit(
  commit: string,
  tree: string | undefined,
  parents: readonly string[] | undefined,
  renamed: ReadonlyMap<string, string>,
): Buffer | undefined {
  const end = commit.indexOf("\n\n");
  const body = end === -1 ? "" : commit.slice(end);
  // A header that goes on in the next line is indented there.
  const headers = (end === -1 ? commit : commit.slice(0, end)).split(/\n(?! )/);
  const own = headers.filter((header) => header.startsWith("parent ")).map((header) => header.slice("parent ".length));
  const next = parents ?? own.map((id) => renamed.get(id) ?? id);
  const sameParents = next.length === own.length && next.every((id, at) => id === own[at]);
  const [first = "", ...rest] = headers;
  if (sameParents && (tree === undefined || first === `tree ${tree}`)) return undefined;
  const kept = rest.filter(
    (header) => !/^(?:parent|gpgsig|gpgsig-sha256) /.test(header) && !isLostTag(header, renamed),
  );
  const lines = [tree === undefined ? first : `tree ${tree}`, ...next.map((id) => `parent ${id}`), ...kept].join("\n");
  return Buffer.from(lines + body, "latin1");
}

function isLostTag(header: string, renamed: ReadonlyMap<string, string>): boolean {
  const [, object = ""] = /^mergetag object (\S+)/.exec(header) ?? [];
  const now = renamed.get(object);
  return now !== undefined && now !== object;
}

/** The id that git gives to a commit of these bytes. */
export function commitId(format: "sha1" | "sha256", body: Buffer): string {
  return new Bun.CryptoHasher(format).update(`commit ${body.length}\0`).update(body).digest("hex");
}
