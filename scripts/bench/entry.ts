/** One comparison: the same work done by glue and by something else, in interleaved pairs. */
export interface Entry {
  readonly name: string;
  /** What is done, and what it is compared with, in a few words. */
  readonly what: string;
  readonly against: string;
  readonly pairs: number;
  /**
   * `time`: the ratio is glue's wall time to the other's, and less is better. `throughput`: glue's bytes a second to the other's, and more
   * is better; both sides must write `bytes`.
   */
  readonly measure: { readonly kind: "time" } | { readonly kind: "throughput"; readonly bytes: number };
  /** What the ratio should reach. Shown, never enforced: the machine may be busy. */
  readonly reach: number;
  /** The peak resident memory of glue is measured, MB at most this should be; `stalled` once more with a reader that pauses. */
  readonly memory?: { readonly atMostMb: number; readonly stalled?: boolean };
  /** Makes what both sides need. Throws where this machine cannot. */
  prepare(context: Context): Promise<Sides | TimedSides>;
}

/** Sides that are not programs of their own: each runs once and resolves with its time in milliseconds. */
export interface TimedSides {
  ours(): Promise<number>;
  theirs(): Promise<number>;
  cleanup?(): Promise<void>;
  /** Said once both have run. */
  readonly note?: () => string;
}

export interface Context {
  /** The compiled binary. */
  readonly glue: string;
  /** An empty folder for this entry, removed after it; both sides start in it. */
  readonly folder: string;
  /** Runs a program to its end and gives its stdout without the final newline; throws when it fails. */
  output(argv: readonly string[]): Promise<string>;
}

export interface Sides {
  readonly ours: Side;
  readonly theirs: Side;
  /** What else is worth knowing of the two, for instance sizes. */
  readonly note?: string;
  /** Undoes what `prepare` made outside the folder. */
  cleanup?(): Promise<void>;
}

export interface Side {
  readonly argv: readonly string[];
  /** Reads the side's stdout, for instance `wc -c`; it is thrown away where this is left out. */
  readonly reader?: string;
}
