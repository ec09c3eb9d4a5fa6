import WebSocket from "ws";
import type { Toolbox } from "./toolbox.ts";

/** A WebSocket of a sandbox's toolbox, with the key and by way of the proxy that the environment names. It is not open yet. */
export function openSocket(toolbox: Toolbox, path: string): WebSocket {
  const url = `${toolbox.facts.url.replace(/^http/, "ws")}${path}`;
  // Bun's own `ws` stands in for the package, also in a compiled binary; it knows a proxy by this name and heeds no variables.
  const options: WebSocket.ClientOptions & { proxy?: string } = {
    headers: { ...toolbox.transport.headers },
    ...proxyFor(url),
  };
  const socket = new WebSocket(url, options);
  socket.binaryType = "nodebuffer";
  return socket;
}

function proxyFor(url: string): { proxy?: string } {
  const { hostname, protocol } = new URL(url);
  const { env } = process;
  const exempt = (env.NO_PROXY ?? env.no_proxy ?? "").split(",").map((name) => name.trim());
  if (
    exempt.some(
      (name) =>
        name === "*" ||
        (name !== "" && (hostname === name || hostname.endsWith(name.startsWith(".") ? name : `.${name}`))),
    )
  )
    return {};
  const proxy = protocol === "wss:" ? (env.HTTPS_PROXY ?? env.https_proxy) : (env.HTTP_PROXY ?? env.http_proxy);
  return proxy ? { proxy } : {};
}
