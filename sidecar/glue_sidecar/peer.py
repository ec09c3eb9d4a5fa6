"""One that is connected: the glue that started the sidecar, or another one through the socket. Its requests are the methods `do_…`."""

import asyncio
import inspect
import sys

from . import creating
from .execs import CALL_SECONDS, Execs
from .failures import WHYS, Failure, classify, dead
from .sdk import has_credentials
from .uploads import Uploads
from .work import spawn

PROTOCOL = 1
# Requests of the glue that started the sidecar; the rest is for those on the socket as well.
ONLY_MAIN = ("open", "serve", "list")
# Requests with raw bytes.
WITH_BYTES = ("input", "put")
# A first connection to a server that is not there takes the SDK most of a minute.
CHECK_SECONDS = 8


class Peer:
    def __init__(self, holder, wire, is_main):
        self.holder, self.wire, self.is_main = holder, wire, is_main
        self.modal = holder.modal
        self.execs = Execs(self)
        self.uploads = Uploads(holder)
        self.requests = {}

    async def serve(self):
        while (received := await self.wire.receive()) is not None:
            message, payload = received
            method, params = message.get("method"), message.get("params", {})
            if method == "credit":
                self.execs.add_credit(params["exec"], params["fd"], params["bytes"])
            elif method == "release":
                self.execs.forget(params["exec"])
            elif method == "$/cancel":
                if task := self.requests.get(params["id"]):
                    task.cancel()
            elif "id" in message:
                if method in WITH_BYTES:
                    params = {**params, "payload": payload}
                self.requests[message["id"]] = spawn(self.answer(message["id"], method, params))

    def leave(self):
        self.execs.forget_all()
        for task in list(self.requests.values()):
            task.cancel()

    async def answer(self, number, method, params):
        try:
            handler = getattr(self, f"do_{method}", None)
            if handler is None or not self.is_main and method in ONLY_MAIN:
                raise Failure("invalid", f"no such request: {method}")
            reply = {"result": await handler(**params) or {}}
        except asyncio.CancelledError:
            reply = {"error": {"code": -32800, "message": "cancelled", "data": {"kind": "cancelled"}}}
        except Exception as error:
            failure = await self.holder.explain(error)
            reply = {"error": {"code": -32000, "message": str(failure), "data": failure.data}}
        finally:
            self.requests.pop(number, None)
        await self.wire.send({"id": number, **reply})

    async def say_dead(self):
        why = self.holder.ended
        await self.wire.send({"method": "dead", "params": {"why": why, "message": WHYS[why]}})

    async def say(self, what):
        await self.wire.send({"method": "progress", "params": {"what": what}})

    def alive(self):
        """The sandbox, which has not ended as far as anybody knows."""
        if self.holder.ended is not None:
            raise dead(self.holder.ended)
        return self.holder.sandbox

    async def do_initialize(self, protocol, life, farewell=None):
        if protocol != PROTOCOL:
            raise Failure("tooOld", f"the sidecar speaks protocol {PROTOCOL}, glue {protocol}")
        if self.is_main:
            self.holder.life, self.holder.last = life, farewell
        version = getattr(self.modal, "__version__", "?")
        if not hasattr(self.modal.Sandbox, "filesystem") or "tags" not in inspect.signature(self.modal.Sandbox.create).parameters:
            raise Failure("tooOld", f"modal {version} is too old; 1.4.3 is the oldest that can be used")
        return {"protocol": PROTOCOL, "sdk": version, "python": "%d.%d.%d" % sys.version_info[:3]}

    async def do_open(self, app, image, tags, timeout, environment=None, secrets=(), **wishes):
        holder = self.holder
        owner = await holder.app_of(app, environment, True)
        await self.say("image: building" if image is None else f"image {image}: building")
        options = {name: value for name, value in wishes.items() if value is not None}
        options |= {"image": await creating.build(holder, owner, image, environment), "tags": tags, "timeout": timeout}
        if secrets:
            options["secrets"] = [self.modal.Secret.from_name(name, environment_name=environment) for name in secrets]
        await self.say("sandbox: starting")
        holder.hold(await creating.create(holder, owner, tags["glue-session"], options))
        return {"sandbox": holder.sandbox.object_id}

    async def do_attach(self, sandbox):
        holder = self.holder
        if holder.sandbox is None:
            await holder.connected()
            holder.hold(await asyncio.wait_for(self.modal.Sandbox.from_id.aio(sandbox), CALL_SECONDS))
        elif holder.sandbox.object_id != sandbox:
            raise Failure("invalid", "the sidecar holds another sandbox")
        if await holder.look() is not None:
            raise dead(holder.ended)
        return {"sandbox": sandbox}

    async def do_serve(self, path):
        await self.holder.sharing.start(path)

    async def do_exec(self, exec, argv, credit, stdin=False, timeout=None, pty=False, wait=True):
        self.alive()
        await self.execs.start(exec, argv, credit, stdin, timeout, pty, wait)

    async def do_input(self, exec, payload, eof=False, data=None):
        return {} if await self.execs.input(exec, payload, eof, data) else {"closed": True}

    async def do_put(self, put, payload, path="", last=False, drop=False):
        self.alive()
        await self.uploads.take(put, payload, path, last, drop)

    async def do_list(self, app, environment=None):
        try:
            owner = await self.holder.app_of(app, environment, False)
        except Exception as error:
            if classify(error).data["kind"] == "notFound":
                return {"sandboxes": []}
            raise
        found = []
        async for sandbox in self.modal.Sandbox.list.aio(app_id=owner.app_id):
            tags = await asyncio.wait_for(sandbox.get_tags.aio(), CALL_SECONDS)
            if "glue" in tags:
                found.append({"sandbox": sandbox.object_id, "tags": tags})
        return {"sandboxes": found}

    async def do_terminate(self, sandbox=None):
        await self.holder.terminate(sandbox)

    async def do_check(self, online):
        config = self.modal.config
        said = {
            "sdk": getattr(self.modal, "__version__", "?"),
            "python": sys.executable,
            "token": has_credentials(config.config),
            "config": str(getattr(config, "user_config_path", "")),
        }
        if online and said["token"]:
            try:
                await asyncio.wait_for(self.greet(), CHECK_SECONDS)
            except asyncio.TimeoutError:
                said |= {"problem": f"nothing was heard of it within {CHECK_SECONDS} s", "kind": "unreachable"}
            except Exception as error:
                failure = classify(error)
                said |= {"problem": str(failure) or "no answer", "kind": failure.data["kind"]}
        return said

    async def greet(self):
        """The service, with the credentials that are there."""
        client = await self.holder.connected()
        await client.hello.aio()

    async def do_shutdown(self, terminate):
        if terminate:
            await self.holder.terminate()
        loop = asyncio.get_running_loop()
        if self.is_main:
            self.holder.last = None
            loop.call_later(0.05, self.holder.main_left.set)
        else:
            loop.call_later(0.05, self.wire.writer.close)
