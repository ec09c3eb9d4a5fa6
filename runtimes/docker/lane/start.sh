# Runs one request, whose folder is $1. Whoever makes `claim` first has it: this shell, or glue, which then takes another way.
set -C
: >"$1/claim" || exit 1
set +C
exec >"$1/out" 2>"$1/err"
[ ! -p "$1/in" ] || exec <"$1/in"
. "$1/words"
