"""Files that go into the sandbox by the SDK's own way for them, which needs fewer and larger calls than a command's input."""

import asyncio

from .failures import Failure

# One file; larger ones go by a command's input, which holds no more than a piece.
MOST = 32 * 1024 * 1024
WRITE_SECONDS = 600


class Uploads:
    def __init__(self, holder):
        self.holder = holder
        self.arriving = {}

    async def take(self, number, payload, path, last, drop):
        """A piece of a file; the last one's answer comes when all of it is at `path`."""
        pieces = self.arriving.setdefault(number, [])
        if drop:
            del self.arriving[number]
            return
        pieces.append(payload)
        if sum(map(len, pieces)) > MOST:
            del self.arriving[number]
            raise Failure("invalid", f"a file of more than {MOST} bytes")
        if not last:
            return
        del self.arriving[number]
        content = b"".join(pieces)
        pieces.clear()
        await asyncio.wait_for(self.holder.sandbox.filesystem.write_bytes.aio(content, path), WRITE_SECONDS)
