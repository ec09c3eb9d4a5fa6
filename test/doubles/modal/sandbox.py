"""One sandbox: a root of its own, whose programs are those of this machine, and the commands that run in it."""

import asyncio
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PIECE = 262_144
# What may wait for a reader before the command has to.
AHEAD = 4 * 1024 * 1024
FS_TOOLS = "/__modal/.bin/modal-sandbox-fs-tools"
ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}

SUCCESS, FAILURE, TERMINATED, TIMEOUT, IDLE = 1, 2, 3, 4, 7


tasks = set()


def keep(work):
    """Runs it to its end: the loop itself holds a task only weakly."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


class Output:
    """What a command wrote to one stream, kept in a file so that it can be read again from any place."""

    def __init__(self, path):
        self.path = path
        open(path, "wb").close()
        self.size = 0
        self.served = 0
        self.ended = False
        self.changed = asyncio.Condition()

    async def fill(self, fd):
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=PIECE)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", buffering=0)
        )
        try:
            while True:
                try:
                    data = await reader.read(PIECE)
                except OSError:
                    data = b""  # the last writer of a terminal has gone
                if not data:
                    break
                with open(self.path, "ab", buffering=0) as file:
                    file.write(data)
                self.size += len(data)
                async with self.changed:
                    self.changed.notify_all()
                    while self.size - self.served > AHEAD:
                        await self.changed.wait()
        finally:
            transport.close()
            self.ended = True
            async with self.changed:
                self.changed.notify_all()

    async def read(self, offset):
        """The bytes from `offset` on; none at the end."""
        async with self.changed:
            if offset > self.served:
                self.served = offset
                self.changed.notify_all()
            while offset >= self.size and not self.ended:
                await self.changed.wait()
        # Opened for each piece: a sandbox has had thousands of commands when it ends.
        with open(self.path, "rb", buffering=0) as file:
            file.seek(offset)
            return file.read(PIECE)


class Command:
    def __init__(self, folder):
        self.out = Output(f"{folder}.out")
        self.err = Output(f"{folder}.err")
        self.stdin = None
        self.written = 0
        self.closed = False
        self.input_lock = asyncio.Lock()
        self.status = None
        self.over = asyncio.Event()
        self.timed_out = False
        self.process = None

    async def write(self, offset, data, eof):
        async with self.input_lock:
            skip = self.written - offset
            if skip < 0 or self.status is not None:
                raise ValueError("offset or state")
            data = memoryview(data)[skip:]
            loop = asyncio.get_running_loop()
            while len(data) > 0 and self.stdin is not None:
                try:
                    count = os.write(self.stdin, data[:65536])
                    self.written += count
                    data = data[count:]
                except BlockingIOError:
                    ready = asyncio.Event()
                    loop.add_writer(self.stdin, ready.set)
                    waits = [asyncio.ensure_future(ready.wait()), asyncio.ensure_future(self.over.wait())]
                    try:
                        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        for task in waits:
                            task.cancel()
                        loop.remove_writer(self.stdin)
                    if self.over.is_set():
                        raise ValueError("exited")
                except BrokenPipeError:
                    # Nobody reads: the bytes are taken and lost, as they are with a pipe that was closed a moment later.
                    self.written += len(data)
                    break
            if eof:
                self.closed = True
                if self.stdin is not None:
                    os.close(self.stdin)
                    self.stdin = None


class Sandbox:
    def __init__(self, base, sandbox_id, task_id, definition, tags, app_id, shared=""):
        self.id, self.task_id, self.app_id = sandbox_id, task_id, app_id
        self.folder = f"{base}/{sandbox_id}"
        self.tags = dict(tags)
        self.shared = shared
        self.definition = definition
        self.created = time.time()
        self.commands = {}
        self.result = None  # (status, exit code)
        self.ended = asyncio.Event()
        self.init = None
        self.pid = None
        self.user = 0
        self.without = []  # programs that its image lacks

    def as_user(self):
        """The words that make a command one of the image's user."""
        number = str(self.user)
        return ["setpriv", "--reuid", number, "--regid", number, "--clear-groups", "--"] if self.user else []

    def env(self):
        return {**ENV, "HOME": "/home/user"} if self.user else ENV

    async def start(self):
        root = f"{self.folder}/root"
        for name in ["usr", "etc", "proc", "dev", "sys", "root", "opt/python", "__modal", "var/lib", "var/log", "home", "run"]:
            os.makedirs(f"{root}/{name}")
        for name in ["tmp", "var/tmp"]:
            os.makedirs(f"{root}/{name}")
            os.chmod(f"{root}/{name}", 0o1777)
        for name in ["bin", "sbin", "lib", "lib32", "lib64"]:
            if os.path.islink(f"/{name}"):
                os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
        for name in ["home/user", "workspace"] if self.user else []:
            os.mkdir(f"{root}/{name}")
            os.chown(f"{root}/{name}", self.user, self.user)
        words = [*self.as_user(), *(list(self.definition.entrypoint_args) or ["sleep", "infinity"])]
        self.init = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", str(HERE / "enter.sh"),
            self.folder, sys.base_prefix, str(HERE), " ".join(self.without), self.shared, *words,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(f"{self.folder}/init.log", "wb"),
            start_new_session=True,
        )
        for _ in range(1000):
            if os.path.exists(f"{self.folder}/ready") or self.init.returncode is not None:
                break
            await asyncio.sleep(0.005)
        else:
            raise RuntimeError("the sandbox did not start")
        with open(f"/proc/{self.init.pid}/task/{self.init.pid}/children") as children:
            self.pid = int(children.read().split()[0])
        # For whoever looks in from outside.
        pathlib.Path(f"{self.folder}/pid").write_text(str(self.pid))
        keep(self._watch())
        if self.definition.timeout_secs:
            asyncio.get_running_loop().call_later(self.definition.timeout_secs, self.end, TIMEOUT)

    async def _watch(self):
        code = await self.init.wait()
        self.end(SUCCESS if code == 0 else FAILURE, code)

    def end(self, status, code=0):
        if self.result is not None:
            return
        self.result = (status, code)
        if self.init.returncode is None:
            os.killpg(self.init.pid, signal.SIGKILL)
        self.ended.set()

    async def remove(self):
        self.end(TERMINATED)
        await self.init.wait()
        for _ in range(100):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not os.path.exists(self.folder):
                return
            await asyncio.sleep(0.02)

    async def run(self, exec_id, argv, env, workdir, timeout, with_pty):
        command = Command(f"{self.folder}/{exec_id}")
        self.commands[exec_id] = command
        if argv[0] == FS_TOOLS:
            argv = ["/opt/python/bin/python3", "-I", "/__modal/fs_tools.py", *argv[1:]]
        words = [f"{name}={value}" for name, value in {**self.env(), **env}.items()]
        # A folder that is missing fails the command, not the call.
        inside = [*self.as_user(), "env", "-i", "-C", workdir or "/", *words, *argv]
        # The terminal is for the command alone: what a key sends must not reach the program that entered the root.
        take = ["setsid", "--ctty"] if with_pty else []
        outer = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--", *take, "chroot", f"{self.folder}/root", *inside]
        if with_pty:
            main, child = pty.openpty()
            fds, ends = (child, child, child), [(command.out, os.dup(main))]
            command.stdin = main
            command.err.ended = True
        else:
            in_read, command.stdin = os.pipe()
            out_read, out_write = os.pipe()
            err_read, err_write = os.pipe()
            fds, ends = (in_read, out_write, err_write), [(command.out, out_read), (command.err, err_read)]
        os.set_blocking(command.stdin, False)

        command.process = await asyncio.create_subprocess_exec(
            *outer, stdin=fds[0], stdout=fds[1], stderr=fds[2], cwd="/", start_new_session=True
        )
        for fd in set(fds):
            os.close(fd)
        for output, fd in ends:
            keep(output.fill(fd))
        if timeout:
            asyncio.get_running_loop().call_later(timeout, self._late, command)
        keep(self._reap(command))
        return command

    def _late(self, command):
        if command.status is None:
            command.timed_out = True
            os.killpg(command.process.pid, signal.SIGKILL)

    async def _reap(self, command):
        code = await command.process.wait()
        command.status = code
        command.over.set()
        if command.stdin is not None:
            os.close(command.stdin)
            command.stdin = None
