import { mkdirSync } from "node:fs";
import { type ExecRequest, ExecSession } from "./exec-session.ts";
import type { Faults } from "./faults.ts";
import { SpriteRoot } from "./root.ts";

export interface Checkpoint {
  readonly id: string;
  readonly create_time: string;
  readonly comment: string;
}

/** One sprite of the double: its record at the service, its root, and what runs in it. */
export class Sprite {
  readonly name: string;
  readonly id = `sprite-${crypto.randomUUID()}`;
  readonly labels: readonly string[];
  readonly createdAt = new Date().toISOString();
  readonly root: SpriteRoot;
  readonly sessions = new Map<string, ExecSession>();
  readonly checkpoints: Checkpoint[] = [];
  readonly #faults: Faults;
  #sessionCount = 0;

  constructor(name: string, labels: readonly string[], folder: string, faults: Faults, shared?: string) {
    this.name = name;
    this.labels = labels;
    this.#faults = faults;
    mkdirSync(folder, { recursive: true });
    this.root = new SpriteRoot(folder, shared);
  }

  show(): Record<string, unknown> {
    return {
      id: this.id,
      name: this.name,
      organization: "double-org",
      status: this.root.running ? "running" : "cold",
      labels: this.labels,
      url: `https://${this.name}-double.sprites.invalid`,
      url_settings: { auth: "sprite" },
      version: "double",
      created_at: this.createdAt,
      updated_at: this.createdAt,
      a_field_of_tomorrow: { nested: true },
    };
  }

  /** Starts a command; the sprite wakes for it. */
  async exec(request: ExecRequest): Promise<ExecSession> {
    await this.root.start();
    this.#sessionCount += 1;
    const session = new ExecSession(String(this.#sessionCount), this.root, request, this.#faults);
    this.sessions.set(session.id, session);
    void session.over.finally(() => this.sessions.delete(session.id));
    return session;
  }

  /** Runs a tool of the service's own in it. */
  async tool(argv: readonly string[], how: { user?: "sprite" | "ubuntu"; stdin?: Uint8Array } = {}) {
    await this.root.start();
    const child = Bun.spawn(this.root.enter(argv, { user: how.user ?? "ubuntu", dir: "/" }), {
      cwd: "/",
      env: { PATH: process.env.PATH ?? "" },
      stdin: how.stdin ?? "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, code] = await Promise.all([child.stdout.bytes(), child.stderr.text(), child.exited]);
    return { stdout, stderr, code };
  }

  checkpoint(comment: string): Checkpoint {
    const saved = { id: `v${this.checkpoints.length + 1}`, create_time: new Date().toISOString(), comment };
    this.root.save(saved.id);
    this.checkpoints.push(saved);
    return saved;
  }
}
