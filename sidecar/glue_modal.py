"""glue's Modal sidecar: holds one sandbox through the modal SDK and serves it over JSON-RPC. PROTOCOL.md says how."""

import json
import os
import sys


def refuse(out, kind, text):
    """A frame that says why there is no sidecar."""
    frame = {"jsonrpc": "2.0", "method": "failed", "params": {"message": text, "data": {"kind": kind}}}
    os.write(out, json.dumps(frame).encode() + b"\n")
    sys.exit(3)


def start(out):
    if sys.version_info < (3, 10):
        refuse(out, "oldPython", "Python %d.%d is too old; the modal SDK needs 3.10 or later" % sys.version_info[:2])
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    from glue_sidecar import main, sdk

    # What stands beside this file or in the folder glue was started in must not pass for the SDK.
    sys.path[:] = [entry for entry in sys.path if entry not in ("", here)]
    try:
        modal = sdk.load()
    except ImportError as error:
        refuse(out, "noSdk", "%s cannot import modal: %s" % (sys.executable, error))
    except Exception as error:
        refuse(out, "config", str(error).strip())
    main.run(out, modal)


if __name__ == "__main__":
    # Before anything can print: the frames get a descriptor of their own, and stdout becomes stderr.
    frames = os.dup(1)
    os.dup2(2, 1)
    start(frames)
