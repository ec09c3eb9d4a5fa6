/** The SDKs of Modal that glue is tested with. */
import { modalPython } from "./needs.ts";

/** The newest with its second kind of sandboxes or without, and the oldest that is taken. */
export const SDKS = ["newest", "newest, first kind", "oldest"] as const;
export type Sdk = (typeof SDKS)[number];

export function pythonOf(sdk: Sdk): string {
  return modalPython(sdk === "oldest" ? "oldest" : "newest");
}

/** What in a client's environment makes the difference, besides its Python. */
export function sdkEnv(sdk: Sdk): Record<string, string> {
  return sdk === "newest, first kind" ? { MODAL_SANDBOX_V2: "0" } : {};
}
