import { GlueError } from "../../spec/glue-error.ts";
import { nearest } from "../../spec/nearest.ts";
import type { Workshop } from "./workshop.ts";

/** One argument of a tool. */
interface Param {
  readonly type: "string" | "integer" | "boolean";
  readonly description: string;
  readonly required?: true;
  readonly minimum?: number;
}

export type Params = Readonly<Record<string, Param>>;

type ValueOf<P extends Param> = P["type"] extends "string" ? string : P["type"] extends "integer" ? number : boolean;
/** What a tool is given; only what it requires is sure to be there. */
export type ArgsOf<P extends Params> = {
  readonly [K in keyof P]: P[K] extends { readonly required: true } ? ValueOf<P[K]> : ValueOf<P[K]> | undefined;
};

/** One call of a tool. */
export interface Call {
  readonly workshop: Workshop;
  /** Aborted when the client cancels the call, or goes. */
  readonly signal: AbortSignal;
  /** Until when it has to be answered, as `performance.now()` counts. */
  readonly until: number;
  /** Sets what a progress notification says while the call goes on. */
  tell(status: () => string): void;
}

export type Content =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly data: string; readonly mimeType: string };

/** A tool as a model sees it, and what it does. What it throws is answered as an error of the tool. */
export interface Tool<P extends Params> {
  readonly name: string;
  readonly description: string;
  readonly params: P;
  /** It changes nothing. */
  readonly readOnly?: true;
  run(args: ArgsOf<P>, call: Call): Promise<string | Content>;
}

/** Keeps the literal types of `params`. */
export function defineTool<const P extends Params>(tool: Tool<P>): Tool<P> {
  return tool;
}

/** A tool of any arguments: what the table of all tools holds. */
export interface AnyTool extends Omit<Tool<Params>, "run"> {
  run(args: never, call: Call): Promise<string | Content>;
}

/** The JSON Schema of a tool's arguments. */
export function schemaOf(params: Params) {
  const properties = Object.fromEntries(
    Object.entries(params).map(([name, { required: _, ...schema }]) => [name, schema] as const),
  );
  const required = Object.keys(params).filter((name) => params[name]?.required);
  return { type: "object" as const, properties, required, additionalProperties: false };
}

/** The arguments of a call, if they are as declared. `optionInvalid` says what is wrong in one sentence. */
export function checkArgs(tool: Pick<AnyTool, "name" | "params">, given: Readonly<Record<string, unknown>>): never {
  const { name: tooled, params } = tool;
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(params, name)) continue;
    const near = nearest(name, Object.keys(params));
    throw wrong(`${tooled} has no argument ${name}.`, near === undefined ? undefined : `Did you mean ${near}?`);
  }
  for (const [name, { type, required, minimum }] of Object.entries(params)) {
    const value = given[name];
    if (value === undefined || value === null) {
      if (required) throw wrong(`${tooled} needs the argument ${name}.`);
      continue;
    }
    const fits = type === "integer" ? Number.isInteger(value) : typeof value === type;
    if (!fits) throw wrong(`${tooled}: ${name} has to be ${type === "integer" ? "a whole number" : `a ${type}`}.`);
    if (minimum !== undefined && Number(value) < minimum)
      throw wrong(`${tooled}: ${name} has to be ${minimum} or more.`);
  }
  // What was just checked is what `ArgsOf` says; the table's type cannot.
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null)) as never;
}

function wrong(message: string, hint?: string): GlueError {
  return new GlueError("optionInvalid", message, hint === undefined ? {} : { hint });
}
