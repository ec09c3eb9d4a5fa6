"""The commands of one connection."""

import asyncio
import base64
import sys
import time

from .failures import Failure, names_of
from .wire import Credit
from .work import spawn

# Of output, one frame.
PIECE = 262_144
# For a call of the SDK that has no time limit of its own.
CALL_SECONDS = 120
END_SECONDS = 10


class Exec:
    def __init__(self, process, credit, timeout, asked):
        self.process = process
        self.timeout = timeout
        self.asked = asked
        self.credits = {1: Credit(credit), 2: Credit(credit)}
        self.tasks = []
        self.input_turn = asyncio.Lock()


async def no_input(process):
    try:
        process.stdin.write_eof()
        await process.stdin.drain.aio()
    except Exception as error:
        # It had ended before it was told that nothing comes.
        print(f"stdin: {error!r}", file=sys.stderr)


async def code_of(process):
    """Its streams have ended, so it is over or about to be. The SDK itself waits for ever for a worker that does not answer."""
    try:
        return await asyncio.wait_for(process.wait.aio(), END_SECONDS)
    except asyncio.TimeoutError:
        code = await asyncio.wait_for(process.poll.aio(), END_SECONDS)
        if code is None:
            raise Failure("unreachable", "nobody says how it ended") from None
        return code


class Execs:
    def __init__(self, peer):
        self.peer = peer
        self.running = {}

    async def start(self, number, argv, credit, stdin, timeout, pty, wait):
        holder = self.peer.holder
        options = {"text": False}
        if timeout is not None:
            options["timeout"] = timeout
        if pty:
            options["pty"] = True
        # The service's clock begins somewhere between this and its answer: later, a command that it ended would pass for one that was killed.
        asked = time.monotonic()
        process = await asyncio.wait_for(holder.sandbox.exec.aio(*argv, **options), CALL_SECONDS)
        running = self.running[number] = Exec(process, credit, timeout, asked)
        streams = [
            spawn(self.carry(number, running, fd, stream)) for fd, stream in ((1, process.stdout), (2, process.stderr))
        ]
        running.tasks += streams
        if wait:
            running.tasks.append(spawn(self.await_end(number, running, streams)))
        if not stdin:
            spawn(no_input(process))

    def add_credit(self, number, fd, amount):
        if running := self.running.get(number):
            running.credits[fd].add(amount)

    async def input(self, number, payload, eof, data):
        """Sends it; false when nobody reads it any more."""
        running = self.running.get(number)
        if running is None:
            return False
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
                if names_of(error) & {"ConflictError", "ValueError", "NotFoundError"}:
                    return False
                raise
        return True

    def forget(self, number):
        running = self.running.pop(number, None)
        if running is not None:
            for task in running.tasks:
                task.cancel()

    def forget_all(self):
        for number in list(self.running):
            self.forget(number)

    async def carry(self, number, running, fd, stream):
        wire = self.peer.wire
        lost = False
        try:
            async for chunk in stream:
                view = memoryview(chunk)
                while view:
                    count = await running.credits[fd].take(min(len(view), PIECE))
                    await wire.send({"method": "output", "params": {"exec": number, "fd": fd}}, bytes(view[:count]))
                    view = view[count:]
        except Exception as error:
            print(f"output: {error!r}", file=sys.stderr)
            lost = True
        await wire.send({"method": "closed", "params": {"exec": number, "fd": fd, "lost": lost}})

    async def await_end(self, number, running, streams):
        """After the streams: a connection carries only so many at once, and each command in progress has two already."""
        await asyncio.gather(*streams)
        params = {"exec": number}
        try:
            code = params["code"] = await code_of(running.process)
            # The service's own time limit is no exception: -1, or 137 as if the command had been killed.
            late = running.timeout is not None and time.monotonic() - running.asked >= running.timeout
            if code == -1 or code == 137 and late:
                raise Failure("timeout", f"it took longer than {running.timeout} s")
        except Exception as error:
            failure = await self.peer.holder.explain(error)
            params.pop("code", None)
            params["error"] = {"message": str(failure), "data": failure.data}
        await self.peer.wire.send({"method": "exited", "params": params})
