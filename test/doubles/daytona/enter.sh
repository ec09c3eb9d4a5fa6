# Makes the root of one sandbox in a mount and process namespace of its own, and starts its daemon there as process 2; runs as process 1.
# $1 the sandbox's folder, $2 bun, $3 the daemon's source, $4 the user's name, $5 programs of /usr/bin that it is to lack, $6 a folder that it
# shares with this machine, under the same path (may be empty); the rest is the environment of the daemon.
set -e
folder=$1 bun=$2 daemon=$3 user=$4 lacks=$5 shared=$6
shift 6
root=$folder/root
for name in usr etc; do
  mount --bind "/$name" "$root/$name"
  mount -o remount,bind,ro "$root/$name"
done
for name in $lacks; do mount --bind /dev/null "$root/usr/bin/$name"; done
for name in passwd group shadow sudoers; do mount --bind "$folder/$name" "$root/etc/$name"; done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o size=64m,mode=1777 shm "$root/dev/shm"
mount --bind "$folder/run" "$root/run/toolbox"
mount --bind "$bun" "$root/opt/toolbox/bun"
mount --bind "$daemon" "$root/opt/toolbox/daemon"
if [ -n "$shared" ]; then
  mkdir -p "$root$shared"
  mount --bind "$shared" "$root$shared"
fi
chroot "$root" setpriv --reuid "$user" --regid "$user" --init-groups env -i "$@" \
  /opt/toolbox/bun /opt/toolbox/daemon/main.ts /run/toolbox >"$folder/daemon.log" 2>&1 </dev/null &
trap '' TERM HUP INT
# Reaps what the sandbox's processes leave, also after the daemon has died.
while :; do
  wait
  sleep 0.2
done
