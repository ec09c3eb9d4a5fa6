# Makes the root of one sprite in a mount and process namespace of its own, and stays there as process 1. $1 the sprite's folder.
set -e
folder=$1
root=$folder/root
for name in usr etc; do
  mount --bind "/$name" "$root/$name"
  mount -o remount,bind,ro "$root/$name"
done
for name in passwd group shadow sudoers; do mount --bind "$folder/$name" "$root/etc/$name"; done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
cd /
echo ready >"$folder/ready"
# Reaps what the sprite's processes leave.
exec chroot "$root" /bin/sh -c 'trap "" TERM HUP INT; while :; do sleep 0.2; done'
