import type { Check, Options } from "../contract.ts";
import { ControlPlane } from "./control-plane.ts";
import { wishesOf } from "./options.ts";
import { ServiceError } from "./service-errors.ts";
import { Transport } from "./transport.ts";

const NEEDED = ["write:sandboxes", "delete:sandboxes"];
const SOON_MS = 7 * 86_400_000;

/** What is ready and what is not, each with the step that mends it. Creates nothing. */
export async function diagnose(options: Options): Promise<Check[]> {
  const checks: Check[] = [optionsCheck(options)];
  const key = options["daytona.api_key"];
  checks.push(
    key
      ? { name: "daytona key", status: "ok", detail: "daytona.api_key is set" }
      : {
          name: "daytona key",
          status: "missing",
          detail: "daytona.api_key is not set",
          fix: "Make a key in Daytona's dashboard and set DAYTONA_API_KEY to it",
        },
  );
  const base = options["daytona.api_base_url"];
  const transport = new Transport(key ?? "");
  const control = new ControlPlane(transport, base);
  try {
    const reached = await reachable(control, base);
    checks.push(reached);
    if (reached.status !== "ok" || !key) return checks;
    const valid = await keyCheck(control);
    checks.push(...valid);
    if (valid.some(({ status }) => status === "missing")) return checks;
    checks.push(await sandboxes(control));
    const region = await regionCheck(control, options["daytona.target"]);
    if (region !== undefined) checks.push(region);
    return checks;
  } finally {
    await transport.close();
  }
}

function optionsCheck(options: Options): Check {
  try {
    wishesOf(options);
    return { name: "daytona options", status: "ok", detail: "every option can be used" };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name: "daytona options", status: "missing", detail, fix: "Correct that option" };
  }
}

async function reachable(control: ControlPlane, base: string): Promise<Check> {
  const name = "daytona service";
  try {
    const { version } = await control.info();
    return { name, status: "ok", detail: `${base} answers${version === "" ? "" : ` (${version})`}` };
  } catch (error) {
    const failure = control.explain("did not answer", error);
    return {
      name,
      status: "missing",
      detail: failure.message,
      fix: failure.hint ?? "Check daytona.api_base_url and the network",
    };
  }
}

async function keyCheck(control: ControlPlane): Promise<Check[]> {
  const name = "daytona access";
  let key: Awaited<ReturnType<ControlPlane["key"]>>;
  try {
    key = await control.key();
  } catch (error) {
    if (error instanceof ServiceError && error.status === 401) {
      return [
        {
          name,
          status: "missing",
          detail: "the key is not accepted (401)",
          fix: "Make a new key in the dashboard and set DAYTONA_API_KEY to it",
        },
      ];
    }
    return [
      {
        name,
        status: "warn",
        detail: `the key's permissions cannot be read: ${control.explain("refused", error).message}`,
        fix: `See in the dashboard that the key has ${NEEDED.join(" and ")}`,
      },
    ];
  }
  const lacking = NEEDED.filter((permission) => !key.permissions.includes(permission));
  const checks: Check[] = [];
  if (lacking.length > 0) {
    checks.push({
      name,
      status: "missing",
      detail: `the key ${key.name} lacks ${lacking.join(" and ")}`,
      fix: `Make a key with ${NEEDED.join(" and ")}`,
    });
  } else {
    checks.push({ name, status: "ok", detail: `the key ${key.name} may create and delete sandboxes` });
  }
  const expires = key.expiresAt ? Date.parse(key.expiresAt) : Number.NaN;
  if (expires - Date.now() < SOON_MS) {
    checks.push({
      name: "daytona key expiry",
      status: "warn",
      detail: `the key expires on ${new Date(expires).toISOString()}`,
      fix: "Make a new key in the dashboard",
    });
  }
  return checks;
}

async function sandboxes(control: ControlPlane): Promise<Check> {
  const name = "daytona sandboxes";
  try {
    const found = await control.list({ "dev.glue.format": "1" });
    return { name, status: "ok", detail: `${found.length} of glue's sandboxes exist` };
  } catch (error) {
    const failure = control.explain("did not list the sandboxes", error);
    return { name, status: "missing", detail: failure.message, fix: failure.hint ?? "See the dashboard" };
  }
}

async function regionCheck(control: ControlPlane, target: string | undefined): Promise<Check | undefined> {
  if (target === undefined) return undefined;
  const name = "daytona region";
  try {
    const regions = await control.regions();
    if (regions.some((region) => region.id === target || region.name === target))
      return { name, status: "ok", detail: `${target} exists` };
    const known = regions.map((region) => region.name || region.id).join(", ");
    return {
      name,
      status: "missing",
      detail: `there is no region ${target}`,
      fix: `Set daytona.target to one of: ${known}`,
    };
  } catch (error) {
    return {
      name,
      status: "warn",
      detail: `the regions cannot be read: ${control.explain("refused", error).message}`,
      fix: `See in the dashboard that the region ${target} exists, or leave out daytona.target`,
    };
  }
}
