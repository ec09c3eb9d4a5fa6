"""glue's Modal sidecar: holds one sandbox through the modal SDK and serves it over JSON-RPC. PROTOCOL.md says how."""

import asyncio
import inspect
import json
import os
import signal
import sys

PROTOCOL = 1
PIECE = 262_144
LINE_LIMIT = 4 * 1024 * 1024
# For a call of the SDK that has no time limit of its own.
CALL_SECONDS = 120
IMAGE_SECONDS = 3_600
POLL_SECONDS = 15

WHYS = {
    "timeout": "it reached its lifetime (modal.sandbox_timeout_seconds)",
    "terminated": "it was terminated",
    "idle": "it was idle for too long",
    "finished": "its main process ended",
}


class Failure(Exception):
    def __init__(self, kind, message, **data):
        super().__init__(message)
        self.data = {"kind": kind, **data}


def dead(why):
    return Failure("dead", f"the sandbox has ended: {WHYS[why]}", why=why)


def classify(error):
    """The failure that an exception of the SDK stands for. By the names of its classes: they move between versions."""
    if isinstance(error, Failure):
        return error
    names = {cls.__name__ for cls in type(error).__mro__}
    text = str(error) or type(error).__name__
    table = [
        ("auth", {"AuthError", "PermissionDeniedError"}),
        ("quota", {"ResourceExhaustedError"}),
        ("notFound", {"NotFoundError"}),
        ("unreachable", {"ConnectionError", "ServiceError", "TimeoutError", "OSError"}),
        ("image", {"ImageBuildError", "RemoteError"}),
        ("invalid", {"InvalidError", "ValueError", "TypeError"}),
    ]
    for kind, classes in table:
        if names & classes:
            return Failure(kind, text)
    return Failure("unknown", f"{type(error).__name__}: {text}")


class Wire:
    """The frames of stdin and stdout. One frame is written at a time, and a slow reader is waited for."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.lock = asyncio.Lock()

    async def send(self, message, payload=None):
        message["jsonrpc"] = "2.0"
        if payload is not None:
            message["bytes"] = len(payload)
        async with self.lock:
            self.writer.write(json.dumps(message).encode() + b"\n")
            if payload:
                self.writer.write(payload)
            await self.writer.drain()

    async def receive(self):
        """The next message with its bytes; None at the end."""
        try:
            line = await self.reader.readuntil(b"\n")
            message = json.loads(line)
            payload = await self.reader.readexactly(message["bytes"]) if message.get("bytes") else b""
            return message, payload
        except asyncio.IncompleteReadError:
            return None


class Credit:
    def __init__(self, amount):
        self.left = amount
        self.more = asyncio.Event()

    def add(self, amount):
        self.left += amount
        self.more.set()

    async def take(self, wanted):
        while self.left <= 0:
            self.more.clear()
            await self.more.wait()
        taken = min(wanted, self.left)
        self.left -= taken
        return taken


class Exec:
    def __init__(self, process, credit):
        self.process = process
        self.credits = {1: Credit(credit), 2: Credit(credit)}
        self.tasks = []
        self.input_turn = asyncio.Lock()


class Sidecar:
    def __init__(self, wire, modal):
        self.wire, self.modal = wire, modal
        self.client = None
        self.sandbox = None
        self.ended = None  # why the sandbox has ended
        self.execs = {}
        self.requests = {}
        self.tasks = set()
        self.life = "session"
        self.last = None
        self.stop = asyncio.Event()

    # --- requests ---

    async def serve(self):
        while (received := await self.wire.receive()) is not None:
            message, payload = received
            method, params = message.get("method"), message.get("params", {})
            if method == "credit":
                if running := self.execs.get(params["exec"]):
                    running.credits[params["fd"]].add(params["bytes"])
            elif method == "release":
                self.forget(params["exec"])
            elif method == "$/cancel":
                if task := self.requests.get(params["id"]):
                    task.cancel()
            elif "id" in message:
                self.requests[message["id"]] = self.spawn(self.answer(message["id"], method, params, payload))

    def spawn(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def answer(self, number, method, params, payload):
        try:
            handler = getattr(self, f"do_{method}", None)
            if handler is None:
                raise Failure("invalid", f"no such request: {method}")
            reply = {"result": await (handler(payload=payload, **params) if method == "input" else handler(**params)) or {}}
        except asyncio.CancelledError:
            reply = {"error": {"code": -32800, "message": "cancelled", "data": {"kind": "cancelled"}}}
        except Exception as error:
            failure = await self.explain(error)
            reply = {"error": {"code": -32000, "message": str(failure), "data": failure.data}}
        finally:
            self.requests.pop(number, None)
        await self.wire.send({"id": number, **reply})

    async def explain(self, error):
        """What went wrong; the sandbox itself is asked before a call's own word is believed."""
        failure = classify(error)
        if failure.data["kind"] in ("notFound", "unreachable", "invalid", "unknown") and self.sandbox is not None:
            if await self.look() is not None:
                return dead(self.ended)
        return failure

    async def look(self):
        """Why the sandbox has ended, None while it runs or nobody says."""
        if self.ended is None:
            try:
                code = await asyncio.wait_for(self.sandbox.poll.aio(), POLL_SECONDS)
                if code is not None:
                    self.ended = {124: "timeout", 137: "terminated"}.get(code, "finished")
            except Exception as error:
                print(f"poll: {error!r}", file=sys.stderr)
        return self.ended

    async def do_initialize(self, protocol, life):
        if protocol != PROTOCOL:
            raise Failure("tooOld", f"the sidecar speaks protocol {PROTOCOL}, glue {protocol}")
        self.life = life
        version = getattr(self.modal, "__version__", "?")
        if not hasattr(self.modal.Sandbox, "filesystem") or "tags" not in inspect.signature(self.modal.Sandbox.create).parameters:
            raise Failure("tooOld", f"modal {version} is too old; 1.4.3 is the oldest that can be used")
        return {"protocol": PROTOCOL, "sdk": version, "python": "%d.%d.%d" % sys.version_info[:3]}

    async def connected(self):
        if self.client is None:
            self.client = await asyncio.wait_for(self.modal.Client.from_env.aio(), 30)
        return self.client

    async def app_of(self, name, environment, create):
        await self.connected()
        return await asyncio.wait_for(
            self.modal.App.lookup.aio(name, environment_name=environment, create_if_missing=create), CALL_SECONDS
        )

    async def say(self, what):
        await self.wire.send({"method": "progress", "params": {"what": what}})

    def image_of(self, image):
        modal = self.modal
        if image is None:
            # A version of its own: the local one must not decide the image.
            return modal.Image.debian_slim(python_version="3.12").apt_install("git")
        if image.startswith("im-"):
            return modal.Image.from_id(image)
        if ":" not in image and "/" not in image and "." not in image and hasattr(modal.Image, "from_name"):
            return modal.Image.from_name(image)
        git = "command -v git || ! command -v apt-get || { apt-get update && apt-get install -y --no-install-recommends git ca-certificates; }"
        return modal.Image.from_registry(image).run_commands(git)

    async def do_open(self, app, image, tags, timeout, environment=None, secrets=(), **wishes):
        owner = await self.app_of(app, environment, True)
        await self.say("image: building" if image is None else f"image {image}: building")
        try:
            picture = await asyncio.wait_for(self.image_of(image).build.aio(owner), IMAGE_SECONDS)
        except Exception as error:
            failure = classify(error)
            if failure.data["kind"] in ("notFound", "unknown", "invalid", "image"):
                raise Failure("image", str(failure)) from error
            raise
        options = {name: value for name, value in wishes.items() if value is not None}
        if secrets:
            options["secrets"] = [self.modal.Secret.from_name(name, environment_name=environment) for name in secrets]
        await self.say("sandbox: starting")
        create = self.modal.Sandbox.create.aio(
            # An image's own entry point may end at once; not every sleep knows "infinity". One process, which can be spared.
            "sh", "-c", "echo $$ >/tmp/.glue-main; exec tail -f /dev/null",
            app=owner, image=picture, timeout=timeout, tags=tags, **options,
        )
        # Never cut short: a create that nobody waits for leaves a sandbox that nobody knows.
        making = asyncio.ensure_future(create)
        try:
            sandbox = await asyncio.shield(making)
        except asyncio.CancelledError:
            self.spawn(self.undo(making))
            raise
        except Exception:
            await self.sweep(owner, tags)
            raise
        self.hold(sandbox)
        return {"sandbox": sandbox.object_id}

    async def undo(self, making):
        sandbox = await making
        await sandbox.terminate.aio()

    async def sweep(self, owner, tags):
        """Ends what a create that failed made all the same."""
        try:
            async with asyncio.timeout(30) if hasattr(asyncio, "timeout") else _NoTimeout():
                async for sandbox in self.modal.Sandbox.list.aio(app_id=owner.app_id, tags={"glue-session": tags["glue-session"]}):
                    await sandbox.terminate.aio()
        except Exception as error:
            print(f"sweep: {error!r}", file=sys.stderr)

    async def do_attach(self, sandbox):
        await self.connected()
        self.hold(await asyncio.wait_for(self.modal.Sandbox.from_id.aio(sandbox), CALL_SECONDS))
        if await self.look() is not None:
            raise dead(self.ended)
        return {"sandbox": sandbox}

    def hold(self, sandbox):
        self.sandbox = sandbox
        self.spawn(self.watch(sandbox))

    async def watch(self, sandbox):
        """Says at once that the sandbox has ended."""
        pause = 1
        while self.ended is None:
            try:
                await sandbox.wait.aio(raise_on_termination=False)
                code = sandbox.returncode
                self.ended = self.ended or {124: "timeout", 137: "terminated", None: "idle"}.get(code, "finished")
            except Exception as error:
                names = {cls.__name__ for cls in type(error).__mro__}
                if "SandboxTimeoutError" in names:
                    self.ended = "timeout"
                elif "SandboxTerminatedError" in names or "NotFoundError" in names:
                    self.ended = "terminated"
                else:
                    print(f"watch: {error!r}", file=sys.stderr)
                    await asyncio.sleep(pause)
                    pause = min(30, pause * 2)
        await self.wire.send({"method": "dead", "params": {"why": self.ended, "message": WHYS[self.ended]}})

    async def do_exec(self, exec, argv, credit, stdin=False, timeout=None, pty=False):
        if self.ended is not None:
            raise dead(self.ended)
        options = {"text": False}
        if timeout is not None:
            options["timeout"] = timeout
        if pty:
            options["pty"] = True
        process = await asyncio.wait_for(self.sandbox.exec.aio(*argv, **options), CALL_SECONDS)
        running = self.execs[exec] = Exec(process, credit)
        streams = [
            self.spawn(self.carry(exec, running, fd, stream)) for fd, stream in ((1, process.stdout), (2, process.stderr))
        ]
        running.tasks += [*streams, self.spawn(self.await_end(exec, process, streams))]
        if not stdin:
            self.spawn(self.no_input(process))
        return {}

    async def no_input(self, process):
        try:
            process.stdin.write_eof()
            await process.stdin.drain.aio()
        except Exception as error:
            # It had ended before it was told that nothing comes.
            print(f"stdin: {error!r}", file=sys.stderr)

    async def carry(self, number, running, fd, stream):
        lost = False
        try:
            async for chunk in stream:
                view = memoryview(chunk)
                while view:
                    count = await running.credits[fd].take(min(len(view), PIECE))
                    await self.wire.send({"method": "output", "params": {"exec": number, "fd": fd}}, bytes(view[:count]))
                    view = view[count:]
        except Exception as error:
            print(f"output: {error!r}", file=sys.stderr)
            lost = True
        await self.wire.send({"method": "closed", "params": {"exec": number, "fd": fd, "lost": lost}})

    async def await_end(self, number, process, streams):
        """After the streams: a connection carries only so many at once, and each command in progress has two already."""
        await asyncio.gather(*streams)
        params = {"exec": number}
        try:
            params["code"] = await process.wait.aio()
        except Exception as error:
            failure = await self.explain(error)
            params["error"] = {"message": str(failure), "data": failure.data}
        await self.wire.send({"method": "exited", "params": params})

    async def do_input(self, exec, payload, eof=False):
        running = self.execs.get(exec)
        if running is None:
            return {"closed": True}
        async with running.input_turn:
            stdin = running.process.stdin
            try:
                if payload:
                    stdin.write(payload)
                if eof:
                    stdin.write_eof()
                await stdin.drain.aio()
            except Exception as error:
                names = {cls.__name__ for cls in type(error).__mro__}
                if names & {"ConflictError", "ValueError", "NotFoundError"}:
                    return {"closed": True}
                raise
        return {}

    def forget(self, number):
        running = self.execs.pop(number, None)
        if running is not None:
            for task in running.tasks:
                task.cancel()

    async def do_list(self, app, environment=None):
        try:
            owner = await self.app_of(app, environment, False)
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
        target = self.sandbox
        if sandbox is not None:
            await self.connected()
            try:
                target = await asyncio.wait_for(self.modal.Sandbox.from_id.aio(sandbox), CALL_SECONDS)
            except Exception as error:
                if classify(error).data["kind"] == "notFound":
                    return {}
                raise
        if target is not None:
            self.ended = self.ended or "terminated"
            await asyncio.wait_for(target.terminate.aio(), CALL_SECONDS)
        return {}

    async def do_farewell(self, argv, file, seconds):
        self.last = (argv, file, seconds)
        return {}

    async def do_check(self, online):
        config = self.modal.config
        said = {
            "sdk": getattr(self.modal, "__version__", "?"),
            "python": sys.executable,
            "token": bool(config.config.get("token_id") and config.config.get("token_secret")),
            "config": str(getattr(config, "user_config_path", "")),
        }
        if online and said["token"]:
            try:
                client = await self.connected()
                await asyncio.wait_for(client.hello.aio(), 10)
            except Exception as error:
                failure = classify(error)
                said["problem"] = str(failure) or "no answer"
                said["kind"] = failure.data["kind"]
        return said

    async def do_shutdown(self, terminate):
        self.life = "run" if terminate else "session"
        if terminate:
            await self.do_terminate()
        self.last = None
        self.life = "session"
        asyncio.get_running_loop().call_later(0.05, self.stop.set)
        return {}

    # --- the end ---

    async def end(self):
        # Without a farewell the work is nowhere else yet: it is left to prune, and to the sandbox's timeout.
        if self.life != "run" or self.last is None or self.sandbox is None or self.ended is not None:
            return
        argv, file, seconds = self.last
        try:
            await asyncio.wait_for(self.farewell(argv, file), seconds)
        except Exception as error:
            print(f"farewell: {error!r}", file=sys.stderr)
            return
        try:
            await asyncio.wait_for(self.sandbox.terminate.aio(), 20)
        except Exception as error:
            print(f"terminate: {error!r}", file=sys.stderr)

    async def farewell(self, argv, file):
        process = await self.sandbox.exec.aio(*argv, text=False)
        self.spawn(self.no_input(process))

        async def skip():
            async for chunk in process.stderr:
                sys.stderr.write(chunk.decode(errors="replace"))

        skipping = self.spawn(skip())
        handle = os.open(f"{file}.part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as target:
            async for chunk in process.stdout:
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        code = await process.wait.aio()
        skipping.cancel()
        if code != 0:
            raise RuntimeError(f"exit code {code}")
        os.replace(f"{file}.part", file)


class _NoTimeout:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return False


def import_modal(out):
    """The SDK, or a frame that says why there is none."""
    # What stands beside this file or in the folder glue was started in must not pass for the SDK.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry not in ("", here)]
    kind, text = "tooOld", ""
    if sys.version_info < (3, 10):
        text = "Python %d.%d is too old; the modal SDK needs 3.10 or later" % sys.version_info[:2]
    else:
        try:
            import modal
            import modal.config

            return modal
        except ImportError as error:
            kind, text = "noSdk", f"{sys.executable} cannot import modal: {error}"
        except Exception as error:
            kind, text = "config", str(error).strip()
    frame = {"jsonrpc": "2.0", "method": "failed", "params": {"message": text, "data": {"kind": kind}}}
    os.write(out, json.dumps(frame).encode() + b"\n")
    return None


async def main(out, modal):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb", buffering=0))
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop=loop), os.fdopen(out, "wb", buffering=0)
    )
    sidecar = Sidecar(Wire(reader, asyncio.StreamWriter(transport, protocol, reader, loop)), modal)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, sidecar.stop.set)
    waits = [asyncio.ensure_future(sidecar.serve()), asyncio.ensure_future(sidecar.stop.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if waits[0].done() and (error := waits[0].exception()) is not None:
        print(f"stdin: {error!r}", file=sys.stderr)
    await sidecar.end()
    sys.stderr.flush()
    # Threads of the SDK hold nothing that is worth waiting for.
    os._exit(0)


if __name__ == "__main__":
    # Before anything can print: the frames get a descriptor of their own, and stdout becomes stderr.
    frames = os.dup(1)
    os.dup2(2, 1)
    sdk = import_modal(frames)
    if sdk is None:
        sys.exit(3)
    asyncio.run(main(frames, sdk))
