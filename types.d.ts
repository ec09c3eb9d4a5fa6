// Files that `bun build --compile` embeds; see docs/ in bun-types for import attributes.
declare module "*.sh" {
  const text: string;
  export default text;
}
declare module "*.py" {
  const path: string;
  export default path;
}
declare module "*.pl" {
  const text: string;
  export default text;
}
