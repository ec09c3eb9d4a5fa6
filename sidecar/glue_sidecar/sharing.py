"""The socket by which other processes of this user work with the same sandbox."""

import asyncio
import os
import sys

from .peer import Peer
from .wire import LINE_LIMIT, Wire


class Sharing:
    def __init__(self, holder):
        self.holder = holder
        self.server = None
        self.peer_left = asyncio.Event()

    async def start(self, path):
        """Listens for this user alone. A socket that nobody serves any more is replaced."""
        before = os.umask(0o177)
        try:
            if os.path.exists(path):
                os.unlink(path)
            self.server = await asyncio.start_unix_server(self.take, path, limit=LINE_LIMIT)
        finally:
            os.umask(before)
        self.path, self.inode = path, os.stat(path).st_ino

    async def take(self, reader, writer):
        peer = Peer(self.holder, Wire(reader, writer), False)
        self.holder.peers.add(peer)
        try:
            await peer.serve()
        except (ConnectionError, asyncio.LimitOverrunError, ValueError) as error:
            print(f"socket: {error!r}", file=sys.stderr)
        finally:
            peer.leave()
            self.holder.peers.discard(peer)
            self.peer_left.set()
            writer.close()

    async def finish(self):
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
        holder = self.holder
        while any(not peer.is_main for peer in holder.peers) and not holder.stop.is_set() and holder.ended is None:
            self.peer_left.clear()
            waits = [asyncio.ensure_future(self.peer_left.wait()), asyncio.ensure_future(holder.stop.wait())]
            await asyncio.wait(waits, timeout=5, return_when=asyncio.FIRST_COMPLETED)
