"""The service's calls: the control plane and the worker's command router, on messages that ship in the official client's wheel."""

import asyncio
import base64
import contextvars
import json
import random
import re
import string
import time

from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from modal_proto import api_pb2 as api
from modal_proto import task_command_router_pb2 as tcr
from google.protobuf import empty_pb2

from sandbox import FAILURE, TERMINATED, Sandbox

ONE, DOWN, UP = Cardinality.UNARY_UNARY, Cardinality.UNARY_STREAM, Cardinality.STREAM_UNARY


def base62(count):
    return "".join(random.choices(string.ascii_letters + string.digits, k=count))


def jwt(seconds=3600):
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    return f"{part({'alg': 'none'})}.{part({'exp': int(time.time()) + seconds, 'n': base62(8)})}.x"


# Of the call that is being answered: the client sends a call again with the same one.
idempotency_key = contextvars.ContextVar("idempotency_key", default=None)


class Service:
    def __init__(self, folder, token, shared=""):
        self.folder, self.token = folder, token
        self.shared = shared  # a folder of this machine that sandboxes have under the same path
        self.router_url = ""
        self.sandboxes, self.apps = {}, {}
        self.secrets, self.named_secrets = {}, {}  # variables by id; ids by name
        self.images, self.calls = {}, {}
        self.named_images = {}  # ids by what they were published as: name:tag, or environment/name:tag
        self.created = {}  # sandboxes by the key of the call that made them
        self.with_user = set()  # images whose commands run as a user of their own
        self.without_git = set()
        self.faults = {}
        self.jwt = jwt()
        self.tasks = {}

    def take(self, fault):
        """The value of a fault that is to happen once, or of one that lasts (a value with `lasts`)."""
        value = self.faults.get(fault)
        if value is not None and not (isinstance(value, dict) and value.get("lasts")):
            del self.faults[fault]
        return value

    def mapping(self, name, methods):
        found = {}
        for method, (function, cardinality, request, response) in methods.items():
            if request is not None and response is not None:
                found[f"/{name}/{method}"] = Handler(self._guarded(name, method, function, cardinality), cardinality, request, response)
        return found

    def _guarded(self, name, method, function, cardinality):
        async def handle(stream):
            self.calls[method] = self.calls.get(method, 0) + 1
            metadata = stream.metadata
            idempotency_key.set(metadata.get("x-idempotency-key"))
            if name.endswith("ModalClient"):
                given = (metadata.get("x-modal-token-id"), metadata.get("x-modal-token-secret"))
                if given != self.token:
                    raise GRPCError(Status.UNAUTHENTICATED, "Token validation failed")
                if "quota" in self.faults and method.startswith("SandboxCreate"):
                    raise GRPCError(Status.RESOURCE_EXHAUSTED, "Workspace limit of sandboxes reached")
            elif self.take("jwt") or metadata.get("authorization") != f"Bearer {self.jwt}":
                if metadata.get("authorization") == f"Bearer {self.jwt}":
                    self.jwt = jwt()
                raise GRPCError(Status.UNAUTHENTICATED, "the token has expired")
            if cardinality is ONE:
                await stream.send_message(await function(await stream.recv_message()))
            else:
                await function(stream)

        return handle

    # --- the control plane ---

    def control_plane(self):
        def row(function, request, response="Empty", cardinality=ONE):
            answer = empty_pb2.Empty if response == "Empty" else getattr(api, response, None)
            ask = empty_pb2.Empty if request == "Empty" else getattr(api, request, None)
            return (function, cardinality, ask, answer)

        methods = {
            "ClientHello": row(self.hello, "Empty", "ClientHelloResponse"),
            "AuthTokenGet": row(self.auth_token, "AuthTokenGetRequest", "AuthTokenGetResponse"),
            "TokenInfoGet": row(self.token_info, "TokenInfoGetRequest", "TokenInfoGetResponse"),
            "WorkspaceNameLookup": row(self.workspace, "Empty", "WorkspaceNameLookupResponse"),
            "AppGetOrCreate": row(self.app, "AppGetOrCreateRequest", "AppGetOrCreateResponse"),
            "EnvironmentGetOrCreate": row(self.environment, "EnvironmentGetOrCreateRequest", "EnvironmentGetOrCreateResponse"),
            "ImageGetOrCreate": row(self.image, "ImageGetOrCreateRequest", "ImageGetOrCreateResponse"),
            "ImageJoinStreaming": row(self.image_logs, "ImageJoinStreamingRequest", "ImageJoinStreamingResponse", DOWN),
            "ImageGetByTag": row(self.image_by_name, "ImageGetByTagRequest", "ImageGetByTagResponse"),
            "ImageFromId": row(self.image_by_id, "ImageFromIdRequest", "ImageFromIdResponse"),
            "SecretGetOrCreate": row(self.secret, "SecretGetOrCreateRequest", "SecretGetOrCreateResponse"),
            "SandboxCreate": row(self.create, "SandboxCreateRequest", "SandboxCreateResponse"),
            "SandboxCreateV2": row(self.create_v2, "SandboxCreateV2Request", "SandboxCreateV2Response"),
            "TaskGetCommandRouterAccess": row(self.access, "TaskGetCommandRouterAccessRequest", "TaskGetCommandRouterAccessResponse"),
            "SandboxGetCommandRouterAccess": row(self.access_v2, "SandboxGetCommandRouterAccessRequest", "SandboxGetCommandRouterAccessResponse"),
        }
        for end in ["", "V2"]:
            methods |= {
                f"SandboxGetTaskId{end}": row(self.task_id, "SandboxGetTaskIdRequest", "SandboxGetTaskIdResponse"),
                f"SandboxWait{end}": row(self.wait, "SandboxWaitRequest", "SandboxWaitResponse"),
                f"SandboxTerminate{end}": row(self.terminate, "SandboxTerminateRequest", "SandboxTerminateResponse"),
                f"SandboxList{end}": row(self.list_v2 if end else self.list_v1, "SandboxListRequest", "SandboxListResponse"),
                f"SandboxTagsSet{end}": row(self.tags_set, "SandboxTagsSetRequest"),
                f"SandboxTagsGet{end}": row(self.tags_get, "SandboxTagsGetRequest", "SandboxTagsGetResponse"),
            }
        return self.mapping("modal.client.ModalClient", methods)

    async def hello(self, _):
        return api.ClientHelloResponse()

    async def auth_token(self, _):
        return api.AuthTokenGetResponse(token=jwt())

    async def token_info(self, _):
        return api.TokenInfoGetResponse(token_id=self.token[0], workspace_name="workspace")

    async def workspace(self, _):
        return api.WorkspaceNameLookupResponse(workspace_name="workspace", username="user")

    async def app(self, request):
        name = request.app_name
        if name not in self.apps:
            if request.object_creation_type != api.OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
                raise GRPCError(Status.NOT_FOUND, f"App '{name}' not found")
            self.apps[name] = f"ap-{base62(22)}"
        return api.AppGetOrCreateResponse(app_id=self.apps[name])

    async def environment(self, _):
        settings = api.EnvironmentSettings(image_builder_version="2025.06")
        return api.EnvironmentGetOrCreateResponse(
            environment_id=f"en-{base62(22)}", metadata=api.EnvironmentMetadata(name="main", settings=settings)
        )

    async def image(self, request):
        commands = list(request.image.dockerfile_commands)
        image_id = f"im-{base62(22)}"
        self.images[image_id] = commands
        text = "\n".join(commands)
        for tag, kind in [("example.test/with-user:", self.with_user), ("example.test/without-git:", self.without_git)]:
            if tag in text or any(base.image_id in kind for base in request.image.base_images):
                kind.add(image_id)
        metadata = api.ImageMetadata(image_builder_version="2025.06")
        # A tag that nobody has, and a layer that is told to fail.
        if "no-such-image" in text or self.faults.get("image_build"):
            return api.ImageGetOrCreateResponse(
                image_id=image_id, metadata=metadata,
                result=api.GenericResult(status=FAILURE, exception="Image build terminated due to external shut-down" if "no-such-image" not in text else "manifest unknown: no-such-image"),
            )
        return api.ImageGetOrCreateResponse(image_id=image_id, metadata=metadata, result=api.GenericResult(status=1))

    async def image_logs(self, stream):
        await stream.recv_message()
        await stream.send_message(api.ImageJoinStreamingResponse(result=api.GenericResult(status=1), eof=True))

    async def image_by_id(self, request):
        if request.image_id not in self.images:
            raise GRPCError(Status.NOT_FOUND, f"Image '{request.image_id}' not found")
        return api.ImageFromIdResponse(image_id=request.image_id)

    async def image_by_name(self, request):
        if request.tag not in self.named_images:
            raise GRPCError(Status.NOT_FOUND, f"Image '{request.tag}' not found")
        return api.ImageGetByTagResponse(image_id=self.named_images[request.tag])

    async def secret(self, request):
        if request.deployment_name and not request.env_dict:
            if request.deployment_name not in self.named_secrets:
                raise GRPCError(Status.NOT_FOUND, f"Secret '{request.deployment_name}' not found")
            return api.SecretGetOrCreateResponse(secret_id=self.named_secrets[request.deployment_name])
        return api.SecretGetOrCreateResponse(secret_id=self.add_secret(dict(request.env_dict)))

    def add_secret(self, env, name=None):
        """The id of a secret with these variables; one with a name was made by somebody before."""
        secret_id = f"st-{base62(22)}"
        self.secrets[secret_id] = env
        if name is not None:
            self.named_secrets[name] = secret_id
        return secret_id

    async def _start(self, app_id, definition, tags, second):
        slow = self.take("slow_create")
        if slow:
            await asyncio.sleep(slow)
        for tag in tags:
            # The SDK's rule for tags of Apps; stricter than needed, should the service take more in those of sandboxes.
            if not all(re.fullmatch(r"[A-Za-z0-9._-]{1,63}", text) for text in (tag.tag_name, tag.tag_value)):
                raise GRPCError(Status.INVALID_ARGUMENT, f"Invalid tag: {tag.tag_name}={tag.tag_value}")
        key = idempotency_key.get()
        if key in self.created:
            return self.created[key]
        sandbox_id = f"sb-{base62(25 if second else 22)}"
        task_id = f"ta-{base62(22)}{'V' if second else 'a'}"
        sandbox = Sandbox(self.folder, sandbox_id, task_id, definition, {tag.tag_name: tag.tag_value for tag in tags}, app_id, self.shared)
        sandbox.second = second
        sandbox.user = 65534 if definition.image_id in self.with_user else 0
        sandbox.without = ["/usr/bin/git"] if definition.image_id in self.without_git else []
        self.sandboxes[sandbox_id] = self.tasks[task_id] = sandbox
        await sandbox.start()
        if key is not None:
            self.created[key] = sandbox
        if self.take("lost_create"):
            raise GRPCError(Status.UNAVAILABLE, "connection lost")
        return sandbox

    async def add_stranger(self, app):
        """A sandbox that somebody else made in the same App."""
        app_id = self.apps.setdefault(app, f"ap-{base62(22)}")
        await self._start(app_id, api.Sandbox(entrypoint_args=["sleep", "infinity"]), [], True)

    async def create(self, request):
        return api.SandboxCreateResponse(sandbox_id=(await self._start(request.app_id, request.definition, request.tags, False)).id)

    async def create_v2(self, request):
        sandbox = await self._start(request.app_id, request.definition, request.tags, True)
        answer = api.SandboxCreateV2Response(sandbox_id=sandbox.id, task_id=sandbox.task_id)
        answer.command_router_access.url = self.router_url
        answer.command_router_access.jwt = self.jwt
        if "sandbox_token" in api.SandboxCreateV2Response.DESCRIPTOR.fields_by_name:
            answer.sandbox_token = jwt()
        return answer

    def find(self, sandbox_id):
        sandbox = self.sandboxes.get(sandbox_id)
        if sandbox is None:
            raise GRPCError(Status.NOT_FOUND, f"Sandbox '{sandbox_id}' not found")
        return sandbox

    def result(self, sandbox):
        status, code = sandbox.result
        return api.GenericResult(status=status, exitcode=code)

    async def task_id(self, request):
        slow = self.take("slow_task_id")
        if slow:
            await asyncio.sleep(slow)
        sandbox = self.find(request.sandbox_id)
        if sandbox.result is not None:
            return api.SandboxGetTaskIdResponse(task_result=self.result(sandbox))
        return api.SandboxGetTaskIdResponse(task_id=sandbox.task_id)

    async def wait(self, request):
        sandbox = self.find(request.sandbox_id)
        if sandbox.result is None and request.timeout > 0:
            try:
                await asyncio.wait_for(sandbox.ended.wait(), request.timeout)
            except asyncio.TimeoutError:
                pass
        if sandbox.result is None:
            return api.SandboxWaitResponse()
        return api.SandboxWaitResponse(result=self.result(sandbox))

    async def terminate(self, request):
        if self.take("no_terminate"):
            raise GRPCError(Status.INTERNAL, "the service is out of order")
        self.find(request.sandbox_id).end(TERMINATED, 137)
        return api.SandboxTerminateResponse()

    async def list_v1(self, request):
        return self._list(request, False)

    async def list_v2(self, request):
        return self._list(request, True)

    def _list(self, request, second):
        answer = api.SandboxListResponse()
        if request.before_timestamp:
            return answer
        wanted = {tag.tag_name: tag.tag_value for tag in request.tags}
        for sandbox in self.sandboxes.values():
            if sandbox.second != second or sandbox.result is not None and not request.include_finished:
                continue
            if request.app_id and sandbox.app_id != request.app_id:
                continue
            if any(sandbox.tags.get(name) != value for name, value in wanted.items()):
                continue
            info = answer.sandboxes.add(id=sandbox.id, created_at=sandbox.created, app_id=sandbox.app_id)
            for name, value in sandbox.tags.items():
                info.tags.add(tag_name=name, tag_value=value)
        return answer

    async def tags_set(self, request):
        self.find(request.sandbox_id).tags = {tag.tag_name: tag.tag_value for tag in request.tags}
        return empty_pb2.Empty()

    async def tags_get(self, request):
        answer = api.SandboxTagsGetResponse()
        for name, value in self.find(request.sandbox_id).tags.items():
            answer.tags.add(tag_name=name, tag_value=value)
        return answer

    async def access(self, request):
        return api.TaskGetCommandRouterAccessResponse(url=self.router_url, jwt=self.jwt)

    async def access_v2(self, request):
        return api.SandboxGetCommandRouterAccessResponse(url=self.router_url, jwt=self.jwt)

    # --- the command router of a worker ---

    def router(self):
        def row(function, name, answer=None, cardinality=ONE):
            return (function, cardinality, getattr(tcr, f"{name}Request", None), getattr(tcr, f"{name}Response", None))

        return self.mapping("modal.task_command_router.TaskCommandRouter", {
            "TaskExecStart": row(self.exec_start, "TaskExecStart"),
            "TaskExecWait": row(self.exec_wait, "TaskExecWait"),
            "TaskExecPoll": row(self.exec_poll, "TaskExecPoll"),
            "TaskExecStdioRead": row(self.exec_read, "TaskExecStdioRead", cardinality=DOWN),
            "TaskExecStdinWrite": row(self.exec_write, "TaskExecStdinWrite"),
            "TaskExecStdinWriteStream": row(self.exec_write_stream, "TaskExecStdinWriteStream", cardinality=UP),
            "TaskExecStdinStatus": row(self.exec_stdin_status, "TaskExecStdinStatus"),
        })

    def task(self, task_id):
        sandbox = self.tasks.get(task_id)
        if sandbox is None or sandbox.result is not None:
            raise GRPCError(Status.NOT_FOUND, f"task {task_id} not found")
        return sandbox

    def command(self, request):
        command = self.tasks[request.task_id].commands.get(request.exec_id) if request.task_id in self.tasks else None
        if command is None or self.tasks[request.task_id].result is not None:
            raise GRPCError(Status.NOT_FOUND, f"exec {request.exec_id} not found")
        return command

    async def exec_start(self, request):
        sandbox = self.task(request.task_id)
        if request.exec_id not in sandbox.commands:
            env = {}
            # Every command in a sandbox has the sandbox's own.
            for secret_id in [*sandbox.definition.secret_ids, *request.secret_ids]:
                env |= self.secrets.get(secret_id, {})
            for name in ["env", "secret_sources"]:
                if name not in tcr.TaskExecStartRequest.DESCRIPTOR.fields_by_name:
                    continue
                if name == "env":
                    env |= dict(request.env)
                else:
                    for source in request.secret_sources:
                        env |= self.secrets.get(source.secret_id, {}) | dict(source.env.contents)
            await sandbox.run(
                request.exec_id, list(request.command_args), env, request.workdir, request.timeout_secs, request.HasField("pty_info")
            )
        return tcr.TaskExecStartResponse()

    def status(self, answer, command):
        if command.timed_out:
            answer.signal = 9
        elif command.status is not None and command.status < 0:
            answer.signal = -command.status
        elif command.status is not None:
            answer.code = command.status
        return answer

    async def exec_wait(self, request):
        if self.faults.get("wait_never"):
            await asyncio.sleep(3600)
        command = self.command(request)
        sandbox = self.tasks[request.task_id]
        waits = [asyncio.ensure_future(command.over.wait()), asyncio.ensure_future(sandbox.ended.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
        if sandbox.result is not None:
            raise GRPCError(Status.NOT_FOUND, "the task has ended")
        return self.status(tcr.TaskExecWaitResponse(), command)

    async def exec_poll(self, request):
        return self.status(tcr.TaskExecPollResponse(), self.command(request))

    async def exec_read(self, stream):
        request = await stream.recv_message()
        command = self.command(request)
        output = command.err if request.file_descriptor == 1 else command.out
        offset = request.offset
        while data := await output.read(offset):
            cut = self.faults.get("cut")
            if cut is not None and offset + len(data) > cut:
                del self.faults["cut"]
                raise GRPCError(Status.UNAVAILABLE, "the stream was cut")
            lost = self.faults.get("lost_stdout")
            if lost is not None and output is command.out and offset + len(data) > lost["from"]:
                raise GRPCError(Status.UNAVAILABLE, "what follows cannot be had")
            await stream.send_message(tcr.TaskExecStdioReadResponse(data=data))
            offset += len(data)

    async def exec_write(self, request):
        try:
            await self.command(request).write(request.offset, request.data, request.eof)
        except ValueError as error:
            raise GRPCError(Status.FAILED_PRECONDITION, str(error)) from None
        return tcr.TaskExecStdinWriteResponse()

    async def exec_write_stream(self, stream):
        first = (await stream.recv_message()).start
        command, offset = self.command(first), first.offset
        try:
            while (message := await stream.recv_message()) is not None:
                if message.HasField("end"):
                    await command.write(offset, b"", True)
                    break
                await command.write(offset, message.data, False)
                offset += len(message.data)
        except ValueError as error:
            raise GRPCError(Status.FAILED_PRECONDITION, str(error)) from None
        await stream.send_message(tcr.TaskExecStdinWriteStreamResponse())

    async def exec_stdin_status(self, request):
        command = self.command(request)
        return tcr.TaskExecStdinStatusResponse(num_bytes_written=command.written, closed=command.closed)
