import type { Options } from "../spec/generated/options.ts";
import { secretValues } from "../spec/secrets.ts";

/** Takes secrets out of a text. */
export type Mask = (text: string) => string;

/** Shorter values would blot out ordinary words; nothing this short protects anything. */
const SHORTEST_SECRET = 6;
const SECRET_NAME = /(TOKEN|SECRET|PASSW|PASSPHRASE|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL|AUTH)/i;

/**
 * A mask for what is written down about a session: the values of its secret options, and those of every variable (of this
 * process, and of the command) whose name says that it is a secret, wherever they appear.
 */
export function maskFor(
  options: Options,
  ...environments: readonly Readonly<Record<string, string | undefined>>[]
): Mask {
  const values = secretValues(options);
  for (const environment of environments) {
    for (const [name, value] of Object.entries(environment)) {
      if (value !== undefined && looksSecret(name)) values.push(value);
    }
  }
  return maskOf(values);
}

/** Whether a variable's name says that its value is a secret. */
export function looksSecret(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** A mask for the given values. The longest is replaced first, so that one that contains another leaves no rest. */
export function maskOf(secrets: readonly string[]): Mask {
  const values = [...new Set(secrets)].filter((value) => value.length >= SHORTEST_SECRET);
  values.sort((a, b) => b.length - a.length);
  return (text) => values.reduce((masked, value) => masked.replaceAll(value, "***"), text);
}
