import type { Place } from "./place.ts";
import type { Poll } from "./poll.ts";
import { Resident, type ResidentStart } from "./resident.ts";
import type { Toolbox } from "./toolbox.ts";

/** Bringing a resident up costs about as much as so many starts by request. */
const WORTH_IT = 3;
/** A sandbox in which so many in a row do not last is better off without; a command costs a request then, and waits for nothing. */
const MOST = 3;
/** One that has served so many commands has lasted: what it ends of is the network, and not the sandbox. */
const LASTED = 20;

/** Decides when a session has a resident, and brings it up beside what goes on. */
export class Residency {
  readonly #toolbox: Toolbox;
  readonly #place: Place;
  #resident: Resident | undefined;
  #coming: Promise<void> | undefined;
  #starts = 0;
  #brought = 0;
  #served = 0;
  #dropped = false;

  constructor(toolbox: Toolbox, place: Place) {
    this.#toolbox = toolbox;
    this.#place = place;
  }

  /** True while a start would be handed to one; such a start may come late, whatever becomes of the answer. */
  get here(): boolean {
    return this.#resident?.here === true;
  }

  /** As `Resident.start`; undefined also where there is none (yet). */
  async start(id: string, start: ResidentStart): Promise<Poll | undefined> {
    this.#starts += 1;
    if (this.#resident?.here) {
      const poll = await this.#resident.start(id, start);
      this.#served += 1;
      if (this.#served >= LASTED && !this.#dropped) this.#brought = 0;
      return poll;
    }
    if (this.#place.perl !== undefined && this.#starts > WORTH_IT && this.#brought < MOST) {
      this.#coming ??= this.#bring();
    }
    return undefined;
  }

  /** Lets go of the socket, where the sandbox ends as well. */
  drop(): void {
    this.#brought = MOST;
    this.#dropped = true;
    this.#resident?.drop();
  }

  /** Lets the resident go. Its commands go on. */
  async close(): Promise<void> {
    this.drop();
    await this.#coming;
    await this.#resident?.close().catch(ignore);
  }

  async #bring(): Promise<void> {
    this.#brought += 1;
    try {
      this.#resident = await Resident.open(this.#toolbox, this.#place);
      this.#served = 0;
      if (this.#dropped) this.#resident.drop();
    } catch {
      // Without one a command costs a request; what is wrong with the sandbox, that request will tell.
    } finally {
      this.#coming = undefined;
    }
  }
}

/** It ends by itself when nobody has asked it for some time. */
function ignore(): void {
  return;
}
