import type { Fault } from "./faults.ts";
import { type CreateBody, Sandbox, type SandboxSettings } from "./sandboxes.ts";

/** The `/api` of the double: the life of sandboxes. */
export class ControlPlane {
  readonly sandboxes = new Map<string, Sandbox>();
  readonly #settings: SandboxSettings;

  constructor(settings: SandboxSettings) {
    this.#settings = settings;
  }

  find(idOrName: string): Sandbox | undefined {
    const found = this.sandboxes.get(idOrName) ?? [...this.sandboxes.values()].find(({ name }) => name === idOrName);
    return found?.state === "destroyed" ? undefined : found;
  }

  async handle(request: Request, path: string, faults: readonly Fault[]): Promise<Response> {
    const { method } = request;
    const url = new URL(request.url);
    if (path === "/config")
      return Response.json({
        version: "0.218.0-double",
        proxyToolboxUrl: this.#settings.toolboxUrl,
        defaultSnapshot: "default",
      });
    if (path === "/health") return Response.json({ status: "ok" });
    if (path === "/api-keys/current") {
      return Response.json({
        name: "double",
        value: "dtn_****",
        permissions: ["write:sandboxes", "delete:sandboxes"],
        createdAt: "2026-01-01T00:00:00.000Z",
        expiresAt: null,
        lastUsedAt: null,
        userId: "u",
      });
    }
    if (path === "/regions" || path === "/shared-regions")
      return Response.json([
        { id: "us", name: "us" },
        { id: "eu", name: "eu" },
      ]);
    if (path === "/sandbox") return method === "POST" ? await this.#create(request, faults) : this.#list(url);
    const [, key, verb, argument] = /^\/sandbox\/([^/]+)(?:\/([^/]+)(?:\/([^/]+))?)?$/.exec(path) ?? [];
    const sandbox = key === undefined ? undefined : this.find(decodeURIComponent(key));
    if (sandbox === undefined) return refuse(request, 404, `Sandbox with ID or name ${key} not found`);
    switch (`${method} ${verb ?? ""}`) {
      case "GET ":
        return Response.json(sandbox.show());
      case "GET toolbox-proxy-url":
        return Response.json({ url: this.#settings.toolboxUrl });
      case "GET ports":
        return Response.json({ sandboxId: sandbox.id, url: "http://127.0.0.1/none", token: "none" });
      case "DELETE ":
        if (sandbox.changing) return refuse(request, 409, "Sandbox state change in progress");
        sandbox.destroy();
        return Response.json(sandbox.show());
      case "POST start":
        if (sandbox.changing) return refuse(request, 409, "Sandbox state change in progress");
        if (sandbox.state !== "stopped") return refuse(request, 400, "Sandbox is not in valid state");
        sandbox.start();
        return Response.json(sandbox.show());
      case "POST stop":
        if (sandbox.changing) return refuse(request, 409, "Sandbox state change in progress");
        if (sandbox.state !== "started") return refuse(request, 400, "Sandbox is not in valid state");
        sandbox.stop();
        return Response.json(sandbox.show());
      case "PUT labels":
        sandbox.labels = ((await request.json()) as { labels: Record<string, string> }).labels;
        return Response.json({ labels: sandbox.labels });
      case "POST autostop":
        sandbox.intervals.autoStop = Number(argument);
        return Response.json(sandbox.show());
      case "POST autodelete":
        sandbox.intervals.autoDelete = Number(argument);
        return Response.json(sandbox.show());
      case "POST last-activity":
        sandbox.touch();
        return new Response(null, { status: 201 });
      default:
        return refuse(request, 404, `Cannot ${method} ${path}`);
    }
  }

  async #create(request: Request, faults: readonly Fault[]): Promise<Response> {
    const body = (await request.json()) as CreateBody & Record<string, unknown>;
    if (!("buildInfo" in body) && ["cpu", "memory", "disk", "gpu"].some((key) => key in body)) {
      return refuse(request, 400, "Cannot specify Sandbox resources when using a snapshot");
    }
    if (body.snapshot === "no-such-snapshot")
      return refuse(request, 400, "Snapshot no-such-snapshot not found. Did you add it through the Daytona Dashboard?");
    if (body.name !== undefined && this.find(body.name))
      return refuse(request, 409, `Sandbox with name ${body.name} already exists`);
    const sandbox = new Sandbox(body, this.#settings);
    this.sandboxes.set(sandbox.id, sandbox);
    if (faults.some(({ act }) => act === "exists"))
      return refuse(request, 400, "Sandbox failed to start: timeout waiting for the sandbox");
    const shown = sandbox.show();
    if (this.#settings.createWaits) await sandbox.settled();
    return Response.json(shown);
  }

  #list(url: URL): Response {
    const labels = Object.entries(JSON.parse(url.searchParams.get("labels") ?? "{}") as Record<string, string>);
    const limit = Number(url.searchParams.get("limit") ?? 100);
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const all = [...this.sandboxes.values()]
      .filter(({ state }) => state !== "destroyed")
      .filter((sandbox) => labels.every(([name, value]) => sandbox.labels[name] === value));
    const items = all.slice(from, from + limit).map((sandbox) => sandbox.show());
    return Response.json({ items, nextCursor: from + limit < all.length ? String(from + limit) : null });
  }
}

/** An error as the control plane words it. */
export function refuse(
  request: Request,
  statusCode: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { pathname: path } = new URL(request.url);
  const error =
    {
      400: "Bad Request",
      401: "Unauthorized",
      403: "Forbidden",
      404: "Not Found",
      409: "Conflict",
      429: "Too Many Requests",
    }[statusCode] ?? "Error";
  return Response.json(
    { path, timestamp: new Date().toISOString(), statusCode, error, message },
    { status: statusCode, headers: { ...headers } },
  );
}
