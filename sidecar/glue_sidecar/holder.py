"""What all that are connected share: the client, the one sandbox, and how it is to end."""

import asyncio
import sys

from . import farewell
from .failures import classify, dead, names_of, why_of
from .sharing import Sharing
from .work import spawn

# For a call of the SDK that has no time limit of its own.
CALL_SECONDS = 120
CONNECT_SECONDS = 30
POLL_SECONDS = 15
TERMINATE_SECONDS = 20


class Holder:
    def __init__(self, modal):
        self.modal = modal
        self.client = None
        self.sandbox = None
        self.making = None  # the create that is under way
        self.ended = None  # why the sandbox has ended
        self.life = "session"
        self.last = None  # the farewell
        self.peers = set()
        self.sharing = Sharing(self)
        self.main_left = asyncio.Event()
        self.stop = asyncio.Event()

    async def connected(self):
        if self.client is None:
            self.client = await asyncio.wait_for(self.modal.Client.from_env.aio(), CONNECT_SECONDS)
        return self.client

    async def app_of(self, name, environment, create):
        await self.connected()
        return await asyncio.wait_for(
            self.modal.App.lookup.aio(name, environment_name=environment, create_if_missing=create), CALL_SECONDS
        )

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
                    self.ended = why_of(code)
            except Exception as error:
                print(f"poll: {error!r}", file=sys.stderr)
        return self.ended

    def hold(self, sandbox):
        self.sandbox = sandbox
        spawn(self.watch(sandbox))

    async def watch(self, sandbox):
        """Says at once that the sandbox has ended."""
        pause = 1
        while self.ended is None:
            try:
                await sandbox.wait.aio(raise_on_termination=False)
                self.ended = self.ended or why_of(sandbox.returncode)
            except Exception as error:
                names = names_of(error)
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

    async def terminate(self, sandbox_id=None):
        """Ends a sandbox: the one that is held, or another by its id. Gone already is as good."""
        target = self.sandbox
        if sandbox_id is not None and (target is None or target.object_id != sandbox_id):
            await self.connected()
            try:
                target = await asyncio.wait_for(self.modal.Sandbox.from_id.aio(sandbox_id), CALL_SECONDS)
            except Exception as error:
                if classify(error).data["kind"] == "notFound":
                    return
                raise
        if target is None:
            return
        if target is self.sandbox:
            self.ended = self.ended or "terminated"
        await asyncio.wait_for(target.terminate.aio(), CALL_SECONDS)

    async def end(self):
        """What is to be done when the glue that started this is gone."""
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
            await asyncio.wait_for(farewell.say(self.sandbox, self.last["argv"], self.last["file"]), self.last["seconds"])
        except Exception as error:
            print(f"farewell: {error!r}", file=sys.stderr)
            farewell.keep_log(f"{self.last['file']}.log")
            return
        try:
            await asyncio.wait_for(self.sandbox.terminate.aio(), TERMINATE_SECONDS)
        except Exception as error:
            print(f"terminate: {error!r}", file=sys.stderr)
