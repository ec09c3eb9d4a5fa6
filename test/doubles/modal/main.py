"""A Modal service on the loopback that really runs commands. Needs the Python that has the official client, and root.

Arguments: a folder for the sandboxes, the token id, the token secret, and a folder that sandboxes share with this machine, if any. On stdin, one JSON object a line tells it what to do; each is
answered by one on stdout, and the first answer says where it listens. It ends with its stdin.
"""

import asyncio
import json
import ssl
import subprocess
import sys

from google.protobuf.json_format import MessageToDict
from grpclib.server import Server
from grpclib.protocol import H2Protocol
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

from sandbox import IDLE, TERMINATED, TIMEOUT
from service import Service, jwt

# With the code that the service gives each.
ENDS = {"timeout": (TIMEOUT, 124), "idle": (IDLE, 0), "terminated": (TERMINATED, 137)}


def take_many_streams():
    """A worker serves many commands over one connection, each with streams of its own; the library's limit is 100."""
    prepare = H2Connection.__init__

    def init(self, *args, **named):
        prepare(self, *args, **named)
        first = {SettingCodes.MAX_CONCURRENT_STREAMS: 10_000}
        self.local_settings = Settings(client=self.config.client_side, initial_values=first)

    H2Connection.__init__ = init


connections = set()


def remember_connections():
    """So that they can be cut: a worker that is gone answers nobody."""
    made, lost = H2Protocol.connection_made, H2Protocol.connection_lost

    def connection_made(self, transport):
        made(self, transport)
        connections.add(transport)

    def connection_lost(self, error):
        connections.discard(self.connection._transport)
        lost(self, error)

    H2Protocol.connection_made, H2Protocol.connection_lost = connection_made, connection_lost


class Mapped:
    def __init__(self, mapping):
        self._mapping = mapping

    def __mapping__(self):
        return self._mapping


def certificate(folder):
    """The client dials workers by TLS only, and on the loopback does not ask who signed."""
    key, cert = f"{folder}/router.key", f"{folder}/router.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True, stdin=subprocess.DEVNULL,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["h2"])
    return context


async def listen(mapping, context=None):
    server = Server([Mapped(mapping)])
    await server.start("127.0.0.1", 0, ssl=context)
    return server, server._server.sockets[0].getsockname()[1]


async def main(folder, token_id, token_secret, shared=""):
    take_many_streams()
    remember_connections()
    service = Service(folder, (token_id, token_secret), shared)
    control, port = await listen(service.control_plane())
    router, router_port = await listen(service.router(), certificate(folder))
    service.router_url = f"https://127.0.0.1:{router_port}"
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    def say(value):
        print(json.dumps(value), flush=True)

    say({"url": f"http://127.0.0.1:{port}"})
    while line := await reader.readline():
        order = json.loads(line)
        what = order["do"]
        if what == "fault":
            service.faults[order["name"]] = order.get("value", True)
            if order.get("value", True) is None:
                del service.faults[order["name"]]
        elif what == "short-token":
            # The client asks for a new one only when its own is about to expire.
            service.jwt = jwt(10)
        elif what == "end":
            for sandbox in service.sandboxes.values():
                if order.get("sandbox", sandbox.id) == sandbox.id:
                    sandbox.end(*ENDS[order["how"]])
        elif what == "router-down":
            router.close()
            for transport in list(connections):
                if transport.get_extra_info("sockname")[1] == router_port:
                    transport.abort()
        elif what == "router-at":
            service.router_url = order["url"]
        elif what == "stranger":
            await service.add_stranger(order["app"])
        elif what == "image":
            service.images[order["id"]] = []
            if "name" in order:
                service.named_images[order["name"]] = order["id"]
        elif what == "secret":
            service.add_secret(order["env"], order["name"])
        state = {
            "sandboxes": [
                {"id": box.id, "tags": box.tags, "running": box.result is None, "root": f"{box.folder}/root",
                 "app": next((name for name, app in service.apps.items() if app == box.app_id), ""),
                 "asked": MessageToDict(box.definition, preserving_proto_field_name=True)}
                for box in service.sandboxes.values()
            ],
            "router": service.router_url,
            "calls": service.calls,
            "images": [text for commands in service.images.values() for text in commands],
        }
        say(state)
    for sandbox in service.sandboxes.values():
        await sandbox.remove()


asyncio.run(main(*sys.argv[1:]))
