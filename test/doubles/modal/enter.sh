# Makes the root of one sandbox in a mount and process namespace of its own; runs there as process 1 until it is killed.
# $1 the sandbox's folder, $2 the Python installation, $3 this folder, $4 programs that it lacks, $5 a folder of this machine that it has
# under the same path, or empty; then the sandbox's own command.
set -e
root=$1/root python=$2 here=$3 without=$4 shared=$5
shift 5
mount --make-rprivate /
for name in usr etc; do
  mount --bind "/$name" "$root/$name"
  mount -o remount,bind,ro "$root/$name"
done
for name in $without; do
  mount --bind "$here/fs_tools.py" "$root$name"
done
mount --bind "$python" "$root/opt/python"
mount --bind "$here" "$root/__modal"
if [ -n "$shared" ]; then
  mkdir -p "$root$shared"
  mount --bind "$shared" "$root$shared"
fi
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
: >"$root/../ready"
chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@" </dev/null >/dev/null 2>&1 &
main=$!
trap '' TERM HUP INT
wait "$main" && code=0 || code=$?
# A sandbox ends with its own command.
exit "$code"
