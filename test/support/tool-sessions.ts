import { agentSession } from "./mcp-agent.ts";
import { inspectedSession } from "./mcp-inspector.ts";
import { missing, testUnless } from "./needs.ts";
import { smallProject } from "./small-project.ts";
import { shellSession } from "./typist.ts";

/** Where the tools work: a runtime, and the environment in which it is a double. */
export type ToolPlace = Parameters<typeof agentSession>[0];

const LIMIT_MS = 300_000;

/** The tests of the tools that an agent and a person use, in a `kind` ("sandbox", "sprite") of a double; `problem` is why there is none here. */
export function testToolsIn(
  kind: string,
  problem: string | undefined,
  withPlace: (use: (place: ToolPlace) => Promise<void>) => Promise<void>,
): void {
  testUnless(
    problem,
    `an agent mends a project in a ${kind} of the double, and its work is landed`,
    () => withPlace(agentSession),
    LIMIT_MS,
  );

  testUnless(
    problem ?? missing("mcp-inspector"),
    `the official inspector works with the tools in a ${kind} of the double`,
    () => withPlace((place) => inspectedSession({ ...place, cwd: smallProject() })),
    LIMIT_MS,
  );

  testUnless(
    problem,
    `a shell in a ${kind} of the double is a real terminal, and what is written there comes back`,
    () => withPlace((place) => shellSession({ ...place, cwd: smallProject() })),
    LIMIT_MS,
  );
}
