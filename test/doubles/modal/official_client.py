"""What the official client does against the double: each line of stdout is a fact that was seen. Ends with 1 where one was not."""

import asyncio
import sys

import modal


async def main():
    app = await modal.App.lookup.aio("proof", create_if_missing=True)
    image = modal.Image.debian_slim(python_version="3.12").apt_install("git")
    sandbox = await modal.Sandbox.create.aio("sh", "-c", "sleep infinity", app=app, image=image, timeout=120)

    def show(what, condition):
        print(what, flush=True)
        assert condition, what

    async def run(*argv, stdin=None, **options):
        process = await sandbox.exec.aio(*argv, text=False, **options)
        if stdin:
            process.stdin.write(stdin)
        process.stdin.write_eof()
        try:
            await process.stdin.drain.aio()
        except modal.exception.ConflictError:
            pass  # it ended before it was told that nothing more comes
        # Together: output that nobody reads stops the command.
        return tuple(await asyncio.gather(process.wait.aio(), process.stdout.read.aio(), process.stderr.read.aio()))

    show("exit code and both streams", await run("sh", "-c", "echo out; echo err >&2; exit 7") == (7, b"out\n", b"err\n"))
    show("stdin to its end", await run("cat", stdin=b"\xff\x00" * 100_000) == (0, b"\xff\x00" * 100_000, b""))
    show("a folder to work in", (await run("pwd", workdir="/tmp"))[1] == b"/tmp\n")
    show("variables", (await run("sh", "-c", 'echo "$A"', env={"A": "b c"}))[1] == b"b c\n")
    show("a signal", (await run("sh", "-c", "kill -9 $$"))[0] == 137)
    show("a timeout", (await run("sleep", "30", timeout=1))[0] in (-1, 137))
    code, out, _ = await run("head", "-c", "20000000", "/dev/zero")
    show("20 MB of output", (code, len(out)) == (0, 20_000_000))
    await sandbox.filesystem.write_bytes.aio(b"\x00\xff" * 1_000_000, "/workspace/a/b")
    show("files written and read", await sandbox.filesystem.read_bytes.aio("/workspace/a/b") == b"\x00\xff" * 1_000_000)
    show("a root of its own", (await run("ls", "/workspace"))[1] == b"a\n")
    listed = await sandbox.filesystem.list_files.aio("/workspace")
    show("files listed", [entry.name for entry in listed] == ["a"])
    try:
        await sandbox.filesystem.read_bytes.aio("/none")
        show("a missing file", False)
    except modal.exception.SandboxFilesystemNotFoundError:
        show("a missing file", True)
    again = await modal.Sandbox.from_id.aio(sandbox.object_id)
    process = await again.exec.aio("echo", "again", text=False)
    show("reached by its id", await process.stdout.read.aio() == b"again\n")
    await sandbox.set_tags.aio({"glue": "x"})
    found = [box.object_id async for box in modal.Sandbox.list.aio(app_id=app.app_id, tags={"glue": "x"})]
    show("found by its tags", found == [sandbox.object_id])
    await sandbox.terminate.aio()
    show("terminated", await again.poll.aio() == 137)


asyncio.run(asyncio.wait_for(main(), 60))
sys.exit(0)
