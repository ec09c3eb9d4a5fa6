import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";

const DOCS = join(import.meta.dir, "../../docs");
let ajv: Ajv2020 | undefined;

/**
 * Checks a value against a JSON Schema of `docs/`, given by its name: `capabilities` is `docs/schemas/capabilities.schema.json`, `config`
 * is `docs/config.schema.json`. A property that the schema does not name is a violation here, so that whatever is printed is documented;
 * for users the schemas are open. Throws an `Error` that lists every violation with its place in the value.
 */
export function expectSchema(value: unknown, name: string): void {
  const problems = schemaProblems(value, name);
  if (problems.length > 0) throw new Error(`not as the schema "${name}" says:\n${problems.join("\n")}`);
}

/** The violations, a line each; none where the value is valid. A schema that is itself wrong throws. */
export function schemaProblems(value: unknown, name: string): string[] {
  ajv ??= loadSchemas();
  const validate = ajv.getSchema(`${name}.schema.json`);
  if (validate === undefined) throw new Error(`there is no schema "${name}"`);
  if (validate(value)) return [];
  const errors = validate.errors ?? [];
  return errors.map(
    ({ instancePath, message, params }) => `${instancePath || "/"} ${message} ${JSON.stringify(params)}`,
  );
}

/** The names of all schemas in `docs/`. */
export function schemaNames(): string[] {
  const inFolder = readdirSync(join(DOCS, "schemas")).filter((file) => file.endsWith(".schema.json"));
  return ["config", ...inFolder.map((file) => file.slice(0, -".schema.json".length))];
}

function loadSchemas(): Ajv2020 {
  // strict: a misspelled keyword in a schema of ours must fail instead of checking nothing.
  const loaded = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
  for (const name of schemaNames()) {
    const file = join(DOCS, name === "config" ? "config.schema.json" : `schemas/${name}.schema.json`);
    loaded.addSchema(close(JSON.parse(readFileSync(file, "utf8"))) as object, `${name}.schema.json`);
  }
  return loaded;
}

/** The same schema, where objects have no properties but those that it names. */
function close(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(close);
  if (typeof schema !== "object" || schema === null) return schema;
  const closed = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, close(value)]));
  const named = "properties" in closed && !("additionalProperties" in closed) && "type" in closed;
  return named ? { ...closed, additionalProperties: false } : closed;
}
