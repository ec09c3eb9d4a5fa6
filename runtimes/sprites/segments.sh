# Prints a part of a file that does not change. $1 a token, $2 the file, $3 where it begins, $4 its length, $5 the size of a segment; both in units
# of MiB but for the length, which is in bytes. First comes a mark with the SHA-256 of every segment, then the bytes.
token=$1 file=$2 from=$3 length=$4 segment=$5
part() { dd if="$file" bs=1048576 skip="$from" 2>/dev/null | head -c "$length"; }
printf '\036%s segments' "$token"
part | split -b "${segment}m" --filter='sum=$(sha256sum) && printf " %s" "${sum%% *}"' -
printf '\036'
part
