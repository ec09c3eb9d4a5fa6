/** What can be made to go wrong, and how often. */
export interface Fault {
  /** Matched against `METHOD /path`, paths as the double sees them: `/api/…`, `/toolbox/{id}/…`. */
  readonly on: RegExp;
  /**
   * A status answers without doing anything. `lose` does it and cuts the connection before the answer; `cut` after `bytes` of the answer's
   * body (or of a socket's data, with close code 1006, or 1011 as `cut-1011`); `never-close` hides the server's close of a socket;
   * `exists` creates the sandbox and answers that it could not be started; `unmarked` strips the marks of a log; `split` cuts every
   * socket message into single bytes; `delay` waits `ms` first.
   */
  readonly act: number | "lose" | "cut" | "cut-1011" | "never-close" | "exists" | "unmarked" | "split" | "delay";
  /** How many requests it hits; for ever where left out. */
  times?: number;
  /** Requests that it lets pass first. */
  skip?: number;
  readonly bytes?: number;
  readonly ms?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body of a status; the double's usual one where left out. */
  readonly body?: string;
}

export class Faults {
  #faults: Fault[] = [];

  add(fault: Fault): void {
    this.#faults.push({ ...fault });
  }

  clear(): void {
    this.#faults = [];
  }

  /** The faults that hit this request, each counted. */
  take(request: string): Fault[] {
    const hits: Fault[] = [];
    for (const fault of this.#faults) {
      if (!fault.on.test(request) || fault.times === 0) continue;
      if (fault.skip !== undefined && fault.skip > 0) {
        fault.skip -= 1;
        continue;
      }
      if (fault.times !== undefined) fault.times -= 1;
      hits.push(fault);
    }
    return hits;
  }
}
