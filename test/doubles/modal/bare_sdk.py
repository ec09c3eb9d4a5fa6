"""
The official client alone, as the other side of a comparison. Arguments: exec, output or upload; how often; the sandbox's id. It does so once for
each line of stdin, and answers with the milliseconds it took; without stdin, once and in silence.
"""

import asyncio
import sys
import time

import modal


CONTENT = b"\7" * 25_000_000


async def main(what, count, sandbox_id):
    sandbox = await modal.Sandbox.from_id.aio(sandbox_id)
    asked = False
    for _ in sys.stdin:
        asked = True
        began = time.monotonic()
        await do(sandbox, what, int(count))
        print((time.monotonic() - began) * 1000, flush=True)
    if not asked:
        await do(sandbox, what, int(count))


async def do(sandbox, what, count):
    for _ in range(count):
        if what == "upload":
            await sandbox.filesystem.write_bytes.aio(CONTENT, "/tmp/bare-bench")
            continue
        argv = ["true"] if what == "exec" else ["head", "-c", "100000000", "/dev/zero"]
        process = await sandbox.exec.aio(*argv, text=False)

        async def size(stream):
            total = 0
            async for piece in stream:
                total += len(piece)
            return total

        code, out, _ = await asyncio.gather(process.wait.aio(), size(process.stdout), size(process.stderr))
        assert (code, out) == (0, 0 if what == "exec" else 100_000_000)


asyncio.run(main(*sys.argv[1:]))
