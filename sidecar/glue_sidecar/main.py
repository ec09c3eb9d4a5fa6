"""The life of the sidecar: from its first frame to the end of what it holds."""

import asyncio
import os
import shutil
import signal
import sys

from .holder import Holder
from .peer import Peer
from .wire import LINE_LIMIT, Wire


def run(out, modal):
    asyncio.run(serve(out, modal))


async def serve(out, modal):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb", buffering=0))
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop=loop), os.fdopen(out, "wb", buffering=0)
    )
    holder = Holder(modal)
    peer = Peer(holder, Wire(reader, asyncio.StreamWriter(transport, protocol, reader, loop)), True)
    holder.peers.add(peer)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, holder.stop.set)
    waits = [asyncio.ensure_future(wait) for wait in (peer.serve(), holder.stop.wait(), holder.main_left.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if waits[0].done() and (error := waits[0].exception()) is not None:
        print(f"stdin: {error!r}", file=sys.stderr)
    await holder.sharing.finish()
    await holder.end()
    sys.stderr.flush()
    if not holder.main_left.is_set() and (folder := os.environ.get("GLUE_SIDECAR_LOG")):
        # Glue is gone, and nobody else reads what is in it.
        shutil.rmtree(folder, ignore_errors=True)
    # Threads of the SDK hold nothing that is worth waiting for.
    os._exit(0)
