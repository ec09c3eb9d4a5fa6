#!/bin/sh
# A Docker Engine that answers: the one that runs, else Debian's dockerd started by hand (containers and CI machines have no init).
set -eu
. "$(dirname "$0")/lib.sh"

engine_answers && exit 0
have docker || give_up "no docker program"
# An engine elsewhere is the caller's own affair.
[ -z "${DOCKER_HOST:-}" ] || give_up "the engine of DOCKER_HOST does not answer"
have dockerd || give_up "no engine answers and there is no dockerd to start"
can_be_root || give_up "no engine answers, and starting dockerd needs root or password-less sudo"
if docker version 2>&1 | grep -qi 'permission denied'; then
  give_up "an engine runs, but this user may not use its socket; add the user to the group docker"
fi

log="$cache/dockerd.log"
: >"$log"
# A machine that was stopped hard leaves pid files of processes that are gone; dockerd then refuses to start.
for pid_file in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
  pid=$(as_root cat "$pid_file" 2>/dev/null || true)
  [ -z "$pid" ] || as_root kill -0 "$pid" 2>/dev/null || as_root rm -f "$pid_file"
done
# A session of its own and no inherited file: the engine outlives this script, and whoever waits for our output is not held up.
# (`exec` and not a redirection of the function: around that, the shell would keep a copy of our output open for as long as it waits.)
# The socket is given to the caller's group, who need not be root.
(
  exec >"$log" 2>&1 </dev/null
  as_root setsid dockerd --group "$(id -gn)"
) &

waited=0
until engine_answers; do
  waited=$((waited + 1))
  if [ "$waited" -gt 120 ]; then
    tail -n 10 "$log" >&2
    give_up "dockerd was started but does not answer after 60 s; its log is $log"
  fi
  sleep 0.5
done
say "started dockerd; its log is $log"
