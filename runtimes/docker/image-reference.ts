/** An image's name taken apart as the engine's pull wants it. */
export interface ImageReference {
  readonly name: string;
  /** A tag, or a digest such as `sha256:…`. */
  readonly tag: string;
  /** The registry's host and port; `docker.io` where the name has none. */
  readonly registry: string;
}

/**
 * `[registry/]name[:tag][@digest]`. Without a tag it is `latest`: the engine itself would pull every tag there is. A first part is a
 * registry when it has a dot, a colon, or is `localhost` (the distribution project's reference grammar).
 */
export function parseReference(reference: string): ImageReference {
  const at = reference.indexOf("@");
  const beforeDigest = at < 0 ? reference : reference.slice(0, at);
  const colon = beforeDigest.lastIndexOf(":");
  const hasTag = colon > beforeDigest.lastIndexOf("/");
  const name = hasTag ? beforeDigest.slice(0, colon) : beforeDigest;
  const tag = at >= 0 ? reference.slice(at + 1) : hasTag ? beforeDigest.slice(colon + 1) : "latest";
  const first = name.includes("/") ? (name.split("/")[0] ?? "") : "";
  const registry = /[.:]/.test(first) || first === "localhost" ? first : "docker.io";
  return { name, tag, registry };
}
