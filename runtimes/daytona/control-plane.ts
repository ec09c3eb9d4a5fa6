import * as v from "valibot";
import { GlueError } from "../contract.ts";
import { messageOf, refusal, ServiceError, unreachable } from "./service-errors.ts";
import { type Answer, type Ask, type Transport, TransportError } from "./transport.ts";

/** What is read of a sandbox; whatever else the service says of it is let through unseen. */
const SandboxRecord = v.object({
  id: v.string(),
  name: v.optional(v.string()),
  /** A word of the service's; ones that it will invent later are possible. */
  state: v.optional(v.string(), "unknown"),
  errorReason: v.nullish(v.string()),
  labels: v.nullish(v.record(v.string(), v.string())),
  toolboxProxyUrl: v.nullish(v.string()),
  createdAt: v.nullish(v.string()),
  autoStopInterval: v.nullish(v.number()),
});
export type SandboxRecord = v.InferOutput<typeof SandboxRecord>;

/** Lists came as a bare array before May 2026, and by cursor since. */
const Page = v.union([
  v.object({ items: v.array(SandboxRecord), nextCursor: v.nullish(v.string()) }),
  v.pipe(
    v.array(SandboxRecord),
    v.transform((items) => ({ items, nextCursor: null })),
  ),
]);
const ToolboxUrl = v.object({ url: v.string() });
const KeyInfo = v.object({
  name: v.optional(v.string(), ""),
  permissions: v.optional(v.array(v.string()), []),
  expiresAt: v.nullish(v.string()),
});
const ServiceInfo = v.object({ version: v.optional(v.string(), "") });
const Regions = v.array(v.object({ id: v.string(), name: v.optional(v.string(), "") }));

/** How often a request that may be repeated is tried, and how long it waits in between at the most. */
const TRIES = 6;
const LONGEST_WAIT_MS = 20_000;

/** The calls of the control plane that glue makes, their answers checked. Throws `ServiceError` where it refuses. */
export class ControlPlane {
  readonly base: string;
  readonly #transport: Transport;

  constructor(transport: Transport, base: string) {
    this.#transport = transport;
    this.base = base.replace(/\/+$/, "");
  }

  /** Never repeated: a create whose answer was lost is looked up by its name. */
  async create(body: unknown, signal?: AbortSignal): Promise<SandboxRecord> {
    return this.#parse(
      SandboxRecord,
      await this.#once({ method: "POST", url: `${this.base}/sandbox`, json: body, deadlineMs: 90_000, signal }),
    );
  }

  /** Undefined when there is none of that id or name. */
  async find(idOrName: string, signal?: AbortSignal): Promise<SandboxRecord | undefined> {
    try {
      return this.#parse(
        SandboxRecord,
        await this.#repeated({ method: "GET", url: this.#url(idOrName), deadlineMs: 20_000, signal }),
      );
    } catch (error) {
      if (error instanceof ServiceError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Every sandbox that carries these labels. */
  async list(labels: Readonly<Record<string, string>>): Promise<SandboxRecord[]> {
    const found: SandboxRecord[] = [];
    let cursor: string | undefined;
    do {
      const query = new URLSearchParams({
        labels: JSON.stringify(labels),
        limit: "100",
        ...(cursor === undefined ? {} : { cursor }),
      });
      const page = this.#parse(Page, await this.#repeated({ method: "GET", url: `${this.base}/sandbox?${query}` }));
      found.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return found;
  }

  async start(id: string, signal?: AbortSignal): Promise<void> {
    await this.#repeated({ method: "POST", url: `${this.#url(id)}/start`, signal });
  }

  async stop(id: string): Promise<void> {
    await this.#repeated({ method: "POST", url: `${this.#url(id)}/stop` });
  }

  async remove(id: string): Promise<void> {
    await this.#repeated({ method: "DELETE", url: this.#url(id) });
  }

  async setLabels(id: string, labels: Readonly<Record<string, string>>): Promise<void> {
    await this.#repeated({ method: "PUT", url: `${this.#url(id)}/labels`, json: { labels } });
  }

  /** Says that a sandbox is in use: its time to stop begins anew. */
  async touch(id: string): Promise<void> {
    await this.#repeated({ method: "POST", url: `${this.#url(id)}/last-activity` });
  }

  async toolboxUrl(id: string): Promise<string> {
    return this.#parse(ToolboxUrl, await this.#repeated({ method: "GET", url: `${this.#url(id)}/toolbox-proxy-url` }))
      .url;
  }

  async info(): Promise<v.InferOutput<typeof ServiceInfo>> {
    return this.#parse(
      ServiceInfo,
      await this.#once({ method: "GET", url: `${this.base}/config`, deadlineMs: 10_000 }),
    );
  }

  async key(): Promise<v.InferOutput<typeof KeyInfo>> {
    return this.#parse(
      KeyInfo,
      await this.#once({ method: "GET", url: `${this.base}/api-keys/current`, deadlineMs: 10_000 }),
    );
  }

  async regions(): Promise<v.InferOutput<typeof Regions>> {
    return this.#parse(Regions, await this.#once({ method: "GET", url: `${this.base}/regions`, deadlineMs: 10_000 }));
  }

  /** A failure of a call of this class, in the words of whoever wanted `what`. */
  explain(what: string, error: unknown): GlueError {
    if (error instanceof GlueError) return error;
    if (error instanceof ServiceError) return refusal(what, error);
    return unreachable(this.base, error);
  }

  #url(idOrName: string): string {
    return `${this.base}/sandbox/${encodeURIComponent(idOrName)}`;
  }

  /** Tries again where that is safe: no answer, a fault of the service, a change of state in progress, too many requests. */
  async #repeated(ask: Ask): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#once(ask);
      } catch (error) {
        if (attempt >= TRIES || !worthAnother(error)) throw error;
        await Bun.sleep(error instanceof Waiting ? error.waitMs : Math.min(LONGEST_WAIT_MS, 250 * 2 ** attempt));
      }
    }
  }

  async #once(ask: Ask): Promise<string> {
    const answer = await this.#transport.ask(ask);
    const text = await answer.text();
    if (answer.status < 300) return text;
    const message = messageOf(answer.status, text);
    if (answer.status === 429) throw new Waiting(429, message, retryAfter(answer));
    throw new ServiceError(answer.status, message);
  }

  #parse<T>(schema: v.GenericSchema<unknown, T>, text: string): T {
    try {
      return v.parse(schema, JSON.parse(text));
    } catch (cause) {
      throw new GlueError("runtimeUnreachable", `What answers at ${this.base} does not speak Daytona's API.`, {
        hint: "Correct daytona.api_base_url; it ends in /api.",
        cause,
      });
    }
  }
}

class Waiting extends ServiceError {
  readonly waitMs: number;

  constructor(status: number, message: string, waitMs: number) {
    super(status, message);
    this.waitMs = waitMs;
  }
}

function worthAnother(error: unknown): boolean {
  if (error instanceof TransportError || error instanceof Waiting) return true;
  return error instanceof ServiceError && (error.status === 409 || error.status >= 500);
}

/** The headers are named after the limit that was hit, `Retry-After-<limit>`: the longest counts. Milliseconds. */
export function retryAfter(answer: Answer): number {
  let seconds = 0;
  for (const [name, value] of Object.entries(answer.headers)) {
    if (name.startsWith("retry-after")) seconds = Math.max(seconds, Number([value].flat()[0]) || 0);
  }
  return Math.min(LONGEST_WAIT_MS, (seconds || 1.5) * 1_000);
}
