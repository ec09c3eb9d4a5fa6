/** What can be made to go wrong, and how often. */
export interface Fault {
  /**
   * `handshake`: a socket's opening is answered with `status`. `asleep`: any request into a sprite is answered as while it wakes. `lose-stdout`: of
   * an exec's stdout only the first `bytes` arrive. `cut`: the socket ends without an exit frame, after `bytes` of stdout (at once where it
   * is 0). `lose-stdin`: of what is sent to an exec only the first `bytes` arrive, and then its end. `no-exit`: all output arrives, then the socket ends without an exit frame. `delay`: all output waits `ms`. `capacity`: no sprite can be made.
   * `logged-out`: no token is good. `destroy`: destroying is answered with 500 and done nothing for. `lost-create`: the sprite is made, and the answer lost.
   */
  readonly act:
    | "handshake"
    | "asleep"
    | "lose-stdout"
    | "lose-stdin"
    | "cut"
    | "no-exit"
    | "delay"
    | "capacity"
    | "logged-out"
    | "destroy"
    | "lost-create";
  /** How often; for ever where it is left out. */
  times?: number;
  /** Occasions that it lets pass first. */
  skip?: number;
  /** It waits until an exec was started whose command line matches. */
  after?: RegExp;
  /** Of execs, only those whose command line matches. */
  readonly on?: RegExp;
  readonly status?: number;
  readonly bytes?: number;
  /** Of lost bytes: those from here on arrive again. */
  readonly upTo?: number;
  readonly ms?: number;
}

export class Faults {
  #faults: Fault[] = [];

  add(fault: Fault): void {
    this.#faults.push({ ...fault });
  }

  clear(): void {
    this.#faults = [];
  }

  /** Hears of every exec that was started. */
  saw(command: string): void {
    for (const fault of this.#faults) if (fault.after?.test(command)) delete fault.after;
  }

  /** The fault of this kind that hits now, counted. */
  take(act: Fault["act"], command = ""): Fault | undefined {
    for (const fault of this.#faults) {
      if (
        fault.act !== act ||
        fault.after !== undefined ||
        fault.times === 0 ||
        (fault.on !== undefined && !fault.on.test(command))
      )
        continue;
      if (fault.skip !== undefined && fault.skip > 0) {
        fault.skip -= 1;
        continue;
      }
      if (fault.times !== undefined) fault.times -= 1;
      return fault;
    }
    return undefined;
  }
}
