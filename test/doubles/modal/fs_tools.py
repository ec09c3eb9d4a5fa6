"""The service's file tool, as far as its clients use it: one operation in JSON, the result on stdout, a failure as JSON on stderr."""

import json
import os
import pwd
import shutil
import stat
import sys


def info(path):
    facts = os.lstat(path)
    kind = "symlink" if stat.S_ISLNK(facts.st_mode) else "directory" if stat.S_ISDIR(facts.st_mode) else "file"
    return {
        "name": os.path.basename(path.rstrip("/")), "path": path, "type": kind, "size": facts.st_size,
        "mode": stat.filemode(facts.st_mode), "permissions": f"{stat.S_IMODE(facts.st_mode):04o}",
        "owner": pwd.getpwuid(facts.st_uid).pw_name, "group": str(facts.st_gid), "modified_time": facts.st_mtime,
        "symlink_target": os.readlink(path) if kind == "symlink" else None,
    }


def main(request):
    (name, args), = request.items()
    path = args["path"]
    if name == "ReadFile":
        with open(path, "rb") as source:
            shutil.copyfileobj(source, sys.stdout.buffer, 1 << 20)
    elif name == "WriteFile":
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target, 1 << 20)
    elif name == "ListFiles":
        json.dump([info(os.path.join(path, entry)) for entry in sorted(os.listdir(path))], sys.stdout)
    elif name == "Stat":
        json.dump(info(path), sys.stdout)
    elif name == "MakeDirectory":
        os.makedirs(path, exist_ok=True) if args.get("parents") else os.mkdir(path)
    elif name == "Remove":
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path) if args.get("recursive") else os.rmdir(path)
        else:
            os.remove(path)
    else:
        fail("NotSupported", name)


def fail(kind, message):
    json.dump({"error_kind": kind, "message": message, "detail": ""}, sys.stderr)
    sys.stderr.flush()
    os._exit(1)


KINDS = {
    FileNotFoundError: "NotFound", PermissionError: "PermissionDenied", IsADirectoryError: "IsDirectory",
    NotADirectoryError: "NotDirectory", FileExistsError: "AlreadyExists",
}

try:
    main(json.loads(sys.argv[1]))
except OSError as error:
    fail(KINDS.get(type(error), "DirectoryNotEmpty" if error.errno == 39 else "Other"), str(error))
