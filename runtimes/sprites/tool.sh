# Runs a tool of glue's in a sprite and proves its answer. $1 a token, $2 a file for the answer, $3 the bytes of it that are sent at once;
# then the argv. Prints a mark with the exit code, the answer's size and SHA-256 and the size of what it said on stderr; then the latter, and
# the answer's beginning. A longer answer stays in the file, to be fetched in pieces.
token=$1 file=$2 limit=$3
shift 3
umask 077
trap : HUP INT TERM
"$@" >"$file" 2>"$file.err"
code=$?
size=$(stat -c %s "$file") sum=$(sha256sum <"$file") said=$(stat -c %s "$file.err")
[ "$said" -le 4096 ] || said=4096
printf '\036%s head %s %s %s %s\036' "$token" "$code" "$size" "${sum%% *}" "$said"
head -c "$said" "$file.err"
head -c "$limit" "$file"
rm -f "$file.err"
[ "$size" -gt "$limit" ] || rm -f "$file"
