"""The modal SDK: its import, what is changed in it, the credentials it finds, and the images that it can name."""

from .failures import Failure

# What one stream of output may be ahead of its reader in the SDK, in bytes.
WINDOW = 4 * 1024 * 1024

# Where it can be: without apt, or as a user who may not install, the image stays as it is.
ADD_GIT = (
    'command -v git || ! command -v apt-get || [ "$(id -u)" != 0 ] || '
    "{ apt-get update && apt-get install -y --no-install-recommends git ca-certificates; }"
)
NAMED = "named:"


def load():
    """Imports the SDK. Whatever keeps it from being imported is raised."""
    limit_windows()
    import modal
    import modal.config

    return modal


def limit_windows():
    """
    A stream of output may be ahead of its reader by this much and no more. The SDK gives each stream as much as the whole connection, so that
    one whose reader stalls would hold up all others.
    """
    try:
        from grpclib.config import Configuration
    except ImportError:
        return  # an SDK that does without it
    given = Configuration.__init__

    def init(self, *args, **named):
        wanted = named.get("http2_stream_window_size")
        if wanted is not None:
            named["http2_stream_window_size"] = min(wanted, WINDOW)
        given(self, *args, **named)

    Configuration.__init__ = init


def has_credentials(config):
    """Whether there is a token, or what newer SDKs take in its place. What is not whole is left to the SDK to refuse."""

    def given(key):
        try:
            return bool(config.get(key))
        except KeyError:
            return False  # an SDK that does not know it

    oauth = ("oauth_refresh_token", "oauth_client_id", "oauth_client_secret", "oauth_jwt_key")
    return given("token_id") and given("token_secret") or any(given(key) for key in oauth)


def image_of(modal, wanted, environment):
    """
    The image that `modal.image` means: an id (im-…); a name that was published, which is one word or stands behind "named:"; else a registry
    tag. None is Modal's own.
    """
    images = modal.Image
    if wanted is None:
        # A version of its own: the local one must not decide the image.
        return images.debian_slim(python_version="3.12").apt_install("git")
    if wanted.startswith("im-"):
        return images.from_id(wanted).run_commands(ADD_GIT)
    if wanted.startswith(NAMED) or ":" not in wanted and "/" not in wanted:
        return named(modal, wanted.removeprefix(NAMED), environment).run_commands(ADD_GIT)
    return images.from_registry(wanted).run_commands(ADD_GIT)


def named(modal, name, environment):
    if not hasattr(modal.Image, "from_name"):
        version = getattr(modal, "__version__", "?")
        text = f"modal {version} knows no named images ({name}); modal 1.5.0 does. A registry tag has a colon, as in {name}:latest"
        raise Failure("image", text)
    # A name may say its environment itself, and then the SDK takes no other.
    return modal.Image.from_name(name, environment_name=None if "/" in name else environment)
