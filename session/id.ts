const RANDOM_CHARACTERS = 6;
const TIME_CHARACTERS = 8;

/**
 * A new session id, for instance `mia1cbr7-4k0x9p`: `[a-z0-9-]`, 15 characters, sorting by time (to the millisecond, until the
 * year 2059) and different on every machine without asking anybody: it becomes part of names that a whole organisation shares.
 * `now` is in milliseconds since 1970.
 */
export function newSessionId(now: number = Date.now()): string {
  const time = Math.max(0, Math.floor(now)).toString(36).padStart(TIME_CHARACTERS, "0").slice(-TIME_CHARACTERS);
  return `${time}-${randomName(RANDOM_CHARACTERS)}`;
}

/** Random characters of `[a-z0-9]`. */
export function randomName(length: number): string {
  let name = "";
  while (name.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length * 2))) {
      // 252 is the largest multiple of 36 in a byte: beyond it some characters would be likelier than others.
      if (byte < 252 && name.length < length) name += (byte % 36).toString(36);
    }
  }
  return name;
}

/** Whether a text has the shape of a session id: what a folder below `sessions/` must be called to be looked at. */
export function isSessionId(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,19}$/.test(text);
}
