"""Making the sandbox."""

import asyncio
import sys

from .failures import Failure, classify
from .sdk import image_of
from .work import spawn

IMAGE_SECONDS = 3_600
SWEEP_SECONDS = 30
# An image's own entry point may end at once; not every sleep knows "infinity". One process, which can be spared.
STAY = ("sh", "-c", "echo $$ >/tmp/.glue-main; exec tail -f /dev/null")


async def build(holder, owner, image, environment):
    try:
        return await asyncio.wait_for(image_of(holder.modal, image, environment).build.aio(owner), IMAGE_SECONDS)
    except Exception as error:
        failure = classify(error)
        if failure.data["kind"] in ("notFound", "unknown", "invalid", "image"):
            raise Failure("image", str(failure)) from error
        raise


async def create(holder, owner, session, options):
    """A sandbox with these options of the SDK. `session` is the tag by which one that was made all the same is found."""
    # Never cut short: a create that nobody waits for leaves a sandbox that nobody knows.
    making = holder.making = asyncio.ensure_future(holder.modal.Sandbox.create.aio(*STAY, app=owner, **options))
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        spawn(undo(making))
        raise
    except Exception:
        await sweep(holder.modal, owner, session)
        raise


async def undo(making):
    sandbox = await making
    await sandbox.terminate.aio()


async def sweep(modal, owner, session):
    """Ends what a create that failed made all the same."""

    async def all_of_it():
        async for sandbox in modal.Sandbox.list.aio(app_id=owner.app_id, tags={"glue-session": session}):
            await sandbox.terminate.aio()

    try:
        await asyncio.wait_for(all_of_it(), SWEEP_SECONDS)
    except Exception as error:
        print(f"sweep: {error!r}", file=sys.stderr)
