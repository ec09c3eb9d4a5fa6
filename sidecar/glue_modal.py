"""glue's Modal sidecar: holds one sandbox through the modal SDK and serves it over JSON-RPC. PROTOCOL.md says how."""

import asyncio
import base64
import inspect
import json
import os
import shutil
import signal
import sys
import time

PROTOCOL = 1
PIECE = 262_144
LINE_LIMIT = 4 * 1024 * 1024
WINDOW = 4 * 1024 * 1024
# For a call of the SDK that has no time limit of its own.
CALL_SECONDS = 120
IMAGE_SECONDS = 3_600
POLL_SECONDS = 15
END_SECONDS = 10
# What a farewell ends with where no command has run yet.
NOTHING_TO_SAVE = 66
# Requests of the glue that started the sidecar; the rest is for those on the socket as well.
ONLY_MAIN = ("open", "serve", "list")

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
    def __init__(self, process, credit, timeout):
        self.process = process
        self.timeout = timeout
        self.began = time.monotonic()
        self.credits = {1: Credit(credit), 2: Credit(credit)}
        self.tasks = []
        self.input_turn = asyncio.Lock()


tasks = set()


def spawn(work):
    """Runs it to its end: the loop itself holds a task only weakly."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task


async def no_input(process):
    try:
        process.stdin.write_eof()
        await process.stdin.drain.aio()
    except Exception as error:
        # It had ended before it was told that nothing comes.
        print(f"stdin: {error!r}", file=sys.stderr)


def keep_log(path):
    """What went wrong while nobody listened, for whoever looks later."""
    sys.stderr.flush()
    if folder := os.environ.get("GLUE_SIDECAR_LOG"):
        try:
            shutil.copyfile(f"{folder}/log", path)
        except OSError as error:
            print(f"log: {error!r}", file=sys.stderr)


class Sidecar:
    """What all that are connected share: the client, the one sandbox, and how it is to end."""

    def __init__(self, modal):
        self.modal = modal
        self.client = None
        self.sandbox = None
        self.making = None  # the create that is under way
        self.ended = None  # why the sandbox has ended
        self.life = "session"
        self.last = None  # the farewell
        self.peers = set()
        self.peer_left = asyncio.Event()
        self.server = None
        self.main_left = asyncio.Event()
        self.stop = asyncio.Event()

    async def connected(self):
        if self.client is None:
            self.client = await asyncio.wait_for(self.modal.Client.from_env.aio(), 30)
        return self.client

    async def app_of(self, name, environment, create):
        await self.connected()
        return await asyncio.wait_for(
            self.modal.App.lookup.aio(name, environment_name=environment, create_if_missing=create), CALL_SECONDS
        )

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

    async def undo(self, making):
        sandbox = await making
        await sandbox.terminate.aio()

    async def sweep(self, owner, tags):
        """Ends what a create that failed made all the same."""
        async def all_of_it():
            async for sandbox in self.modal.Sandbox.list.aio(app_id=owner.app_id, tags={"glue-session": tags["glue-session"]}):
                await sandbox.terminate.aio()

        try:
            await asyncio.wait_for(all_of_it(), 30)
        except Exception as error:
            print(f"sweep: {error!r}", file=sys.stderr)

    def hold(self, sandbox):
        self.sandbox = sandbox
        spawn(self.watch(sandbox))

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
        for peer in list(self.peers):
            spawn(peer.say_dead())

    # --- others, through a socket ---

    async def serve_others(self, path):
        """Listens for this user alone. One that nobody serves any more is replaced."""
        before = os.umask(0o177)
        try:
            if os.path.exists(path):
                os.unlink(path)
            self.server = await asyncio.start_unix_server(self.take_other, path, limit=LINE_LIMIT)
        finally:
            os.umask(before)
        self.path, self.inode = path, os.stat(path).st_ino

    async def take_other(self, reader, writer):
        peer = Peer(self, Wire(reader, writer), False)
        self.peers.add(peer)
        try:
            await peer.serve()
        except (ConnectionError, asyncio.LimitOverrunError, ValueError) as error:
            print(f"socket: {error!r}", file=sys.stderr)
        finally:
            peer.leave()
            self.peers.discard(peer)
            self.peer_left.set()
            writer.close()

    async def let_others_finish(self):
        """No new ones; those that are here may use the sandbox to the end of what they do."""
        if self.server is None:
            return
        self.server.close()
        try:
            # Whoever serves next may have replaced it.
            if os.stat(self.path).st_ino == self.inode:
                os.unlink(self.path)
        except FileNotFoundError:
            pass
        while any(not peer.is_main for peer in self.peers) and not self.stop.is_set() and self.ended is None:
            self.peer_left.clear()
            waits = [asyncio.ensure_future(self.peer_left.wait()), asyncio.ensure_future(self.stop.wait())]
            await asyncio.wait(waits, timeout=5, return_when=asyncio.FIRST_COMPLETED)

    # --- the end ---

    async def end(self):
        # Without a farewell the work is nowhere else yet: it is left to prune, and to the sandbox's timeout.
        if self.life != "run" or self.last is None:
            return
        if self.sandbox is None and self.making is not None:
            # Nobody else would ever know of it.
            try:
                self.sandbox = await asyncio.wait_for(asyncio.shield(self.making), CALL_SECONDS)
            except BaseException as error:
                print(f"create: {error!r}", file=sys.stderr)
        if self.sandbox is None or self.ended is not None:
            return
        try:
            await asyncio.wait_for(self.farewell(**self.last), self.last["seconds"])
        except Exception as error:
            print(f"farewell: {error!r}", file=sys.stderr)
            keep_log(f"{self.last['file']}.log")
            return
        try:
            await asyncio.wait_for(self.sandbox.terminate.aio(), 20)
        except Exception as error:
            print(f"terminate: {error!r}", file=sys.stderr)

    async def farewell(self, argv, file, seconds):
        process = await self.sandbox.exec.aio(*argv, text=False)
        spawn(no_input(process))

        async def skip():
            async for chunk in process.stderr:
                sys.stderr.write(chunk.decode(errors="replace"))

        skipping = spawn(skip())
        handle = os.open(f"{file}.part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as target:
            async for chunk in process.stdout:
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        code = await process.wait.aio()
        skipping.cancel()
        if code == NOTHING_TO_SAVE:
            os.unlink(f"{file}.part")
            return
        if code != 0:
            raise RuntimeError(f"exit code {code}")
        os.replace(f"{file}.part", file)
        folder = os.open(os.path.dirname(file), os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


class Peer:
    """One that is connected: the glue that started the sidecar, or another one through the socket."""

    def __init__(self, sidecar, wire, is_main):
        self.sidecar, self.wire, self.is_main = sidecar, wire, is_main
        self.modal = sidecar.modal
        self.execs = {}
        self.requests = {}

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
                self.requests[message["id"]] = spawn(self.answer(message["id"], method, params, payload))

    def leave(self):
        for number in list(self.execs):
            self.forget(number)
        for task in list(self.requests.values()):
            task.cancel()

    async def answer(self, number, method, params, payload):
        try:
            handler = getattr(self, f"do_{method}", None)
            if handler is None or not self.is_main and method in ONLY_MAIN:
                raise Failure("invalid", f"no such request: {method}")
            reply = {"result": await (handler(payload=payload, **params) if method == "input" else handler(**params)) or {}}
        except asyncio.CancelledError:
            reply = {"error": {"code": -32800, "message": "cancelled", "data": {"kind": "cancelled"}}}
        except Exception as error:
            failure = await self.sidecar.explain(error)
            reply = {"error": {"code": -32000, "message": str(failure), "data": failure.data}}
        finally:
            self.requests.pop(number, None)
        await self.wire.send({"id": number, **reply})

    async def say_dead(self):
        why = self.sidecar.ended
        await self.wire.send({"method": "dead", "params": {"why": why, "message": WHYS[why]}})

    async def say(self, what):
        await self.wire.send({"method": "progress", "params": {"what": what}})

    # --- requests ---

    async def do_initialize(self, protocol, life, farewell=None):
        if protocol != PROTOCOL:
            raise Failure("tooOld", f"the sidecar speaks protocol {PROTOCOL}, glue {protocol}")
        if self.is_main:
            self.sidecar.life, self.sidecar.last = life, farewell
        version = getattr(self.modal, "__version__", "?")
        if not hasattr(self.modal.Sandbox, "filesystem") or "tags" not in inspect.signature(self.modal.Sandbox.create).parameters:
            raise Failure("tooOld", f"modal {version} is too old; 1.4.3 is the oldest that can be used")
        return {"protocol": PROTOCOL, "sdk": version, "python": "%d.%d.%d" % sys.version_info[:3]}

    async def do_open(self, app, image, tags, timeout, environment=None, secrets=(), **wishes):
        sidecar = self.sidecar
        owner = await sidecar.app_of(app, environment, True)
        await self.say("image: building" if image is None else f"image {image}: building")
        try:
            picture = await asyncio.wait_for(sidecar.image_of(image).build.aio(owner), IMAGE_SECONDS)
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
        making = sidecar.making = asyncio.ensure_future(create)
        try:
            sandbox = await asyncio.shield(making)
        except asyncio.CancelledError:
            spawn(sidecar.undo(making))
            raise
        except Exception:
            await sidecar.sweep(owner, tags)
            raise
        sidecar.hold(sandbox)
        return {"sandbox": sandbox.object_id}

    async def do_attach(self, sandbox):
        sidecar = self.sidecar
        if sidecar.sandbox is None:
            await sidecar.connected()
            sidecar.hold(await asyncio.wait_for(self.modal.Sandbox.from_id.aio(sandbox), CALL_SECONDS))
        elif sidecar.sandbox.object_id != sandbox:
            raise Failure("invalid", "the sidecar holds another sandbox")
        if await sidecar.look() is not None:
            raise dead(sidecar.ended)
        return {"sandbox": sandbox}

    async def do_serve(self, path):
        await self.sidecar.serve_others(path)
        return {}

    async def do_exec(self, exec, argv, credit, stdin=False, timeout=None, pty=False, wait=True):
        sidecar = self.sidecar
        if sidecar.ended is not None:
            raise dead(sidecar.ended)
        options = {"text": False}
        if timeout is not None:
            options["timeout"] = timeout
        if pty:
            options["pty"] = True
        process = await asyncio.wait_for(sidecar.sandbox.exec.aio(*argv, **options), CALL_SECONDS)
        running = self.execs[exec] = Exec(process, credit, timeout)
        streams = [
            spawn(self.carry(exec, running, fd, stream)) for fd, stream in ((1, process.stdout), (2, process.stderr))
        ]
        running.tasks += streams
        if wait:
            running.tasks.append(spawn(self.await_end(exec, running, streams)))
        if not stdin:
            spawn(no_input(process))
        return {}

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

    async def await_end(self, number, running, streams):
        """After the streams: a connection carries only so many at once, and each command in progress has two already."""
        await asyncio.gather(*streams)
        params = {"exec": number}
        try:
            code = params["code"] = await self.code_of(running.process)
            # The service's own time limit is no exception: -1, or 137 as if the command had been killed.
            late = running.timeout is not None and time.monotonic() - running.began >= running.timeout
            if code == -1 or code == 137 and late:
                raise Failure("timeout", f"it took longer than {running.timeout} s")
        except Exception as error:
            failure = await self.sidecar.explain(error)
            params.pop("code", None)
            params["error"] = {"message": str(failure), "data": failure.data}
        await self.wire.send({"method": "exited", "params": params})

    async def code_of(self, process):
        """Its streams have ended, so it is over or about to be. The SDK itself waits for ever for a worker that does not answer."""
        try:
            return await asyncio.wait_for(process.wait.aio(), END_SECONDS)
        except asyncio.TimeoutError:
            code = await asyncio.wait_for(process.poll.aio(), END_SECONDS)
            if code is None:
                raise Failure("unreachable", "nobody says how it ended") from None
            return code

    async def do_input(self, exec, payload, eof=False, data=None):
        running = self.execs.get(exec)
        if running is None:
            return {"closed": True}
        if data is not None:
            payload = base64.b64decode(data)
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
            owner = await self.sidecar.app_of(app, environment, False)
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
        sidecar = self.sidecar
        target = sidecar.sandbox
        if sandbox is not None:
            await sidecar.connected()
            try:
                target = await asyncio.wait_for(self.modal.Sandbox.from_id.aio(sandbox), CALL_SECONDS)
            except Exception as error:
                if classify(error).data["kind"] == "notFound":
                    return {}
                raise
        if target is not None:
            if target is sidecar.sandbox:
                sidecar.ended = sidecar.ended or "terminated"
            await asyncio.wait_for(target.terminate.aio(), CALL_SECONDS)
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
                client = await self.sidecar.connected()
                await asyncio.wait_for(client.hello.aio(), 10)
            except Exception as error:
                failure = classify(error)
                said["problem"] = str(failure) or "no answer"
                said["kind"] = failure.data["kind"]
        return said

    async def do_shutdown(self, terminate):
        sidecar = self.sidecar
        if terminate:
            await self.do_terminate()
        if self.is_main:
            sidecar.last = None
            asyncio.get_running_loop().call_later(0.05, sidecar.main_left.set)
        else:
            asyncio.get_running_loop().call_later(0.05, self.wire.writer.close)
        return {}


def limit_windows():
    """
    A stream of output may be ahead of its reader by this much and no more. The SDK gives each stream as much as the whole connection, so that
    one whose reader stalls would hold up all others.
    """
    try:
        from grpclib.config import Configuration
    except ImportError:
        return  # an SDK that does without it
    given = Configuration.__init__

    def init(self, *args, **named):
        wanted = named.get("http2_stream_window_size")
        if wanted is not None:
            named["http2_stream_window_size"] = min(wanted, WINDOW)
        given(self, *args, **named)

    Configuration.__init__ = init


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
            limit_windows()
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
    sidecar = Sidecar(modal)
    main_peer = Peer(sidecar, Wire(reader, asyncio.StreamWriter(transport, protocol, reader, loop)), True)
    sidecar.peers.add(main_peer)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, sidecar.stop.set)
    waits = [asyncio.ensure_future(main_peer.serve()), asyncio.ensure_future(sidecar.stop.wait()), asyncio.ensure_future(sidecar.main_left.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if waits[0].done() and (error := waits[0].exception()) is not None:
        print(f"stdin: {error!r}", file=sys.stderr)
    await sidecar.let_others_finish()
    await sidecar.end()
    sys.stderr.flush()
    if not sidecar.main_left.is_set() and (folder := os.environ.get("GLUE_SIDECAR_LOG")):
        # Glue is gone, and nobody else reads what is in it.
        shutil.rmtree(folder, ignore_errors=True)
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
