import * as v from "valibot";
import { type CheckedYaml, checkYaml, firstDuplicate } from "./check.ts";

const Sentence = v.pipe(v.string(), v.nonEmpty("must not be empty"));

const ErrorsSchema = v.array(
  v.strictObject({
    code: v.pipe(v.string(), v.regex(/^[a-z][A-Za-z0-9]*$/, "must be camelCase")),
    exit: v.picklist([1, 2, 124, 125, 130, 141], "must be one of the exit codes 1, 2, 124, 125, 130, 141"),
    what: Sentence,
    why: Sentence,
    todo: Sentence,
  }),
);

/** What `spec/errors.yaml` holds: a row an error. */
export type ErrorRows = v.InferOutput<typeof ErrorsSchema>;

/** Parses and checks the file's text. Throws `SpecError`. */
export function readErrors(text: string, file: string): CheckedYaml<ErrorRows> {
  const checked = checkYaml(text, file, ErrorsSchema);
  const twice = firstDuplicate(checked.data.map((row) => row.code));
  if (twice) throw checked.fail([twice.index, "code"], `${twice.value} is declared twice`);
  return checked;
}
