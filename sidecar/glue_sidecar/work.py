"""Tasks that nobody waits for."""

import asyncio

tasks = set()


def spawn(work):
    """Runs it to its end: the loop itself holds a task only weakly."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task
