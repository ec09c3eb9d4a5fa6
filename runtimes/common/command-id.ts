/**
 * Ids of commands. `GLUE_COMMAND=<id>` in a process's environment marks it as part of that command's tree, and a shell finds the
 * mark by its beginning alone: so no id may be the beginning of another, and all commands of a session begin alike.
 */

/** The variable that carries the mark. */
export const MARK = "GLUE_COMMAND";

const RANDOM_LETTERS = 10;
const ALPHABET = "0123456789abcdefghijklmnopqrstuv";

/** What the ids of all commands of one session begin with, and no other session's. Session ids hold no underscore. */
export function commandIdPrefix(sessionId: string): string {
  return `${sessionId}_`;
}

/**
 * A new id of `[a-z0-9_-]`, unique without asking anybody (50 random bits), usable as a file name. It is no secret, so the cheap
 * generator will do: the other one costs a short command a part of its start.
 */
export function newCommandId(sessionId: string): string {
  let letters = "";
  for (let i = 0; i < RANDOM_LETTERS; i++) letters += ALPHABET[Math.floor(Math.random() * ALPHABET.length)];
  return commandIdPrefix(sessionId) + letters;
}
