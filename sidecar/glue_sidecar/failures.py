"""What can go wrong, in the words of the protocol."""

WHYS = {
    "timeout": "it reached its lifetime (modal.sandbox_timeout_seconds)",
    "terminated": "it was terminated",
    "idle": "it was idle for too long",
    "finished": "its main process ended",
}

# What the SDK says of a sandbox that has ended. It has no code for one that the service found idle, and our main process never ends with 0.
CODES = {124: "timeout", 137: "terminated", 0: "idle", None: "idle"}

# By the names of the SDK's classes: they move between its versions.
KINDS = [
    ("auth", {"AuthError", "PermissionDeniedError"}),
    ("file", {"SandboxFilesystemError"}),
    ("quota", {"ResourceExhaustedError"}),
    ("notFound", {"NotFoundError"}),
    ("unreachable", {"ConnectionError", "ServiceError", "TimeoutError", "OSError"}),
    ("image", {"ImageBuildError", "RemoteError"}),
    ("invalid", {"InvalidError", "ValueError", "TypeError"}),
]


class Failure(Exception):
    def __init__(self, kind, message, **data):
        super().__init__(message)
        self.data = {"kind": kind, **data}


def dead(why):
    return Failure("dead", f"the sandbox has ended: {WHYS[why]}", why=why)


def why_of(code):
    """Why a sandbox has ended that has this return code."""
    return CODES.get(code, "finished")


def names_of(error):
    """The names of an exception's class and of those it is made from."""
    return {cls.__name__ for cls in type(error).__mro__}


def classify(error):
    """The failure that an exception of the SDK stands for."""
    if isinstance(error, Failure):
        return error
    names = names_of(error)
    text = str(error) or type(error).__name__
    for kind, classes in KINDS:
        if names & classes:
            return Failure(kind, text)
    return Failure("unknown", f"{type(error).__name__}: {text}")
