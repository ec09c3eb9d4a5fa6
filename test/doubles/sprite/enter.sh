# Makes the root of one sprite in a mount and process namespace of its own, and stays there as process 1. $1 the sprite's folder,
# $2 a folder that it shares with this machine, under the same path; may be empty.
set -e
folder=$1 shared=$2
root=$folder/root
for name in usr etc; do
  mount --bind "/$name" "$root/$name"
  mount -o remount,bind,ro "$root/$name"
done
for name in passwd group shadow sudoers; do mount --bind "$folder/$name" "$root/etc/$name"; done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
if [ -n "$shared" ]; then
  mkdir -p "$root$shared"
  mount --bind "$shared" "$root$shared"
fi
cd /
echo ready >"$folder/ready"
# Reaps what the sprite's processes leave: a shell that waits is handed them, too.
exec chroot "$root" /bin/sh -c 'trap "" TERM HUP INT; while :; do sleep 1000000 & wait; done'
