/** A folder as git reads it from GIT_ALTERNATE_OBJECT_DIRECTORIES, where a colon separates and a quote protects. */
export function quotedFolder(path: string): string {
  return `"${path.replaceAll(/[\\"]/g, "\\$&")}"`;
}
