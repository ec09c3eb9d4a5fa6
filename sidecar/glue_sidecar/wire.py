"""Frames, and how much of a stream may be sent."""

import asyncio
import json

# A line of JSON at most, and what a reader holds before it stops reading.
LINE_LIMIT = 4 * 1024 * 1024


class Wire:
    """The frames of a connection. One frame is written at a time, and a slow reader is waited for."""

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
    """How many bytes of a stream the other side still takes."""

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
