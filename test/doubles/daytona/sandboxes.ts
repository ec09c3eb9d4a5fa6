import { mkdirSync } from "node:fs";
import { SandboxRoot, type SandboxUser } from "./sandbox-root.ts";

export interface CreateBody {
  readonly name?: string;
  readonly snapshot?: string;
  readonly env?: Record<string, string>;
  readonly labels?: Record<string, string>;
  readonly target?: string;
  readonly public?: boolean;
  readonly networkBlockAll?: boolean;
  readonly networkAllowList?: string;
  readonly domainAllowList?: string;
  readonly autoStopInterval?: number;
  readonly autoArchiveInterval?: number;
  readonly autoDeleteInterval?: number;
  readonly ttlMinutes?: number;
}

export interface SandboxSettings {
  readonly folder: string;
  readonly user: SandboxUser;
  /** How long a state change takes, in milliseconds. */
  readonly changeMs: number;
  readonly createWaits: boolean;
  readonly hidesToolbox: boolean;
  /** How long one minute of the service's intervals is here, in milliseconds. */
  readonly minuteMs: number;
  readonly toolboxUrl: string;
  /** Programs of /usr/bin that its sandboxes do not have. */
  readonly lacks: readonly string[];
  /** A folder of this machine that its sandboxes have, too. */
  readonly shared?: string | undefined;
  /** The shell that takes scripts and terminals, where it is not for the sandbox to choose. */
  readonly shell?: string | undefined;
}

/** A state that the service reports while something goes on, and the one it then has. */
type State = "creating" | "starting" | "started" | "stopping" | "stopped" | "destroying" | "destroyed" | "error";

/** One sandbox of the double: its record at the control plane, and its root. */
export class Sandbox {
  readonly id = crypto.randomUUID();
  readonly body: CreateBody;
  readonly createdAt = new Date();
  state: State = "creating";
  labels: Record<string, string>;
  intervals: { autoStop: number; autoArchive: number; autoDelete: number };
  /** The port of its daemon while it runs. */
  port: number | undefined;
  openConnections = 0;
  /** Reported instead of the state for as long as it is set. */
  pretend: string | undefined;
  #lastActivity = Date.now();
  readonly #settings: SandboxSettings;
  readonly #root: SandboxRoot;
  readonly #timer: ReturnType<typeof setInterval>;
  #changing: Promise<void>;

  constructor(body: CreateBody, settings: SandboxSettings) {
    this.body = body;
    this.#settings = settings;
    this.labels = body.labels ?? {};
    this.intervals = {
      autoStop: body.autoStopInterval ?? 15,
      autoArchive: body.autoArchiveInterval ?? 10_080,
      autoDelete: body.autoDeleteInterval ?? -1,
    };
    const folder = `${settings.folder}/${this.id}`;
    mkdirSync(folder);
    this.#root = new SandboxRoot({ ...settings, folder, env: body.env ?? {} });
    this.#changing = this.#change("creating", "started", () => this.#run());
    this.#timer = setInterval(() => this.#watch(), Math.min(1_000, settings.minuteMs / 10));
    this.#timer.unref();
  }

  get name(): string {
    return this.body.name ?? this.id;
  }

  get rootFolder(): string {
    return `${this.#root.folder}/root`;
  }

  get changing(): boolean {
    return this.state.endsWith("ing");
  }

  touch(): void {
    this.#lastActivity = Date.now();
  }

  settled(): Promise<void> {
    return this.#changing;
  }

  start(): void {
    this.#changing = this.#change("starting", "started", () => this.#run());
  }

  stop(): void {
    this.port = undefined;
    this.#changing = this.#change("stopping", "stopped", () => this.#root.stop());
  }

  destroy(): void {
    this.port = undefined;
    clearInterval(this.#timer);
    this.#changing = this.#change("destroying", "destroyed", () => this.#root.remove());
  }

  /** Ends it at once and removes its files, for the end of a test. */
  async discard(): Promise<void> {
    clearInterval(this.#timer);
    await this.#changing;
    await this.#root.remove();
  }

  show(): Record<string, unknown> {
    const { body, intervals } = this;
    return {
      id: this.id,
      organizationId: "org-1",
      name: this.name,
      user: this.#settings.user,
      snapshot: body.snapshot ?? "default",
      env: body.env ?? {},
      labels: this.labels,
      public: body.public ?? false,
      networkBlockAll: body.networkBlockAll ?? false,
      ...(body.networkAllowList === undefined ? {} : { networkAllowList: body.networkAllowList }),
      ...(body.domainAllowList === undefined ? {} : { domainAllowList: body.domainAllowList }),
      target: body.target ?? "us",
      cpu: 1,
      gpu: 0,
      memory: 1,
      disk: 3,
      state: this.pretend ?? this.state,
      desiredState: "started",
      autoStopInterval: intervals.autoStop,
      autoArchiveInterval: intervals.autoArchive,
      autoDeleteInterval: intervals.autoDelete,
      createdAt: this.createdAt.toISOString(),
      updatedAt: new Date().toISOString(),
      toolboxProxyUrl: this.#settings.hidesToolbox ? "" : this.#settings.toolboxUrl,
      sandboxClass: "container",
      aFieldOfTomorrow: { nested: true },
    };
  }

  async #run(): Promise<void> {
    this.port = await this.#root.start();
    this.touch();
  }

  async #change(during: State, after: State, act: () => Promise<void>): Promise<void> {
    this.state = during;
    try {
      await Promise.all([act(), Bun.sleep(this.#settings.changeMs)]);
      this.state = after;
    } catch (error) {
      console.error(error);
      this.state = "error";
    }
  }

  #watch(): void {
    if (this.openConnections > 0) this.touch();
    const { autoStop } = this.intervals;
    if (
      this.state === "started" &&
      autoStop > 0 &&
      Date.now() - this.#lastActivity > autoStop * this.#settings.minuteMs
    )
      this.stop();
  }
}
