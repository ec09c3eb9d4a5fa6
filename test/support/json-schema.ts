import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

const DOCS = join(import.meta.dir, "../../docs");
const compiled = new Map<string, ValidateFunction>();

/**
 * Checks a value against a JSON Schema of `docs/`, given by its path there (`schemas/capabilities.schema.json`). Throws an `Error` that
 * lists every violation with its place in the value.
 */
export function expectSchema(value: unknown, schema: string): void {
  const problems = schemaProblems(value, schema);
  if (problems.length > 0) throw new Error(`not as docs/${schema} says:\n${problems.join("\n")}`);
}

/** The violations, a line each; none where the value is valid. A schema that is itself wrong throws. */
export function schemaProblems(value: unknown, schema: string): string[] {
  const validate = compiled.get(schema) ?? compile(schema);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    (error) => `${error.instancePath || "/"} ${error.message} ${JSON.stringify(error.params)}`,
  );
}

function compile(schema: string): ValidateFunction {
  // strict: a misspelled keyword in a schema of ours must fail instead of checking nothing.
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
  const validate = ajv.compile(JSON.parse(readFileSync(join(DOCS, schema), "utf8")));
  compiled.set(schema, validate);
  return validate;
}
