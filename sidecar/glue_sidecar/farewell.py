"""The last command of a run whose glue is gone: its output goes to a file of this machine."""

import os
import shutil
import sys

from .execs import code_of, no_input
from .work import spawn

# What it ends with where no command has run yet.
NOTHING_TO_SAVE = 66


async def say(sandbox, argv, file):
    """Runs it, and makes `file` of its output: whole and on the disk, or not at all."""
    process = await sandbox.exec.aio(*argv, text=False)
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
    code = await code_of(process)
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


def keep_log(path):
    """What went wrong while nobody listened, for whoever looks later."""
    sys.stderr.flush()
    if folder := os.environ.get("GLUE_SIDECAR_LOG"):
        try:
            shutil.copyfile(f"{folder}/log", path)
        except OSError as error:
            print(f"log: {error!r}", file=sys.stderr)
