/** What a runtime brings to be put to the contract: one small file in `targets/`, listed in `targets/index.ts`. */
import type { RuntimeId } from "../../runtimes/contract.ts";
import type { Need } from "../support/needs.ts";

export interface ContractTarget {
  /** Unique; `-r` takes it as well as the runtime's own id. */
  readonly id: string;
  readonly runtime: RuntimeId;
  /** For people: which flavour of the runtime. */
  readonly label: string;
  /** Without these on the machine its tests are skipped, with the reason. */
  readonly needs: readonly Need[];
  /**
   * `whole` (default), `lean`: without what only takes long, for a variant of a runtime that another target tests whole; `basics`: only
   * what a variant could break that differs little.
   */
  readonly depth?: "whole" | "lean" | "basics";
  /** No option makes commands those of a user without privileges: what such a one may not do cannot be shown. */
  readonly everybodyIsRoot?: boolean;
  /** Starts what the tests run against (a double, a service); called once, before the first test. */
  start(): Promise<StartedTarget>;
}

export interface StartedTarget {
  /** What the tests ran against, in words for the evidence: name and version, and whether it is the real thing. */
  readonly against: string;
  /** Options by key, as `--set` takes them. */
  readonly set: Readonly<Record<string, string>>;
  /** What glue needs in its environment (keys, addresses). */
  readonly env: Readonly<Record<string, string>>;
  /** `direct` where the runtime works on folders of this machine, else `copy`. */
  readonly mode: "direct" | "copy";
  /** An address of this machine, outside the sandbox, that the sandbox can connect to. Left out: that cannot be shown here. */
  readonly hostAddress?: string;
  /** Options that make commands and files those of a user without privileges; left out where glue is that user itself. */
  readonly unprivileged?: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}
