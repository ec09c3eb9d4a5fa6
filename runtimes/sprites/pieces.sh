# Takes pieces of an upload, proven one by one, and does once what must not be done twice. $1 says which operation, $2 is the file that grows.
PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
umask 077

# Keeps stdin as $1 where it has the SHA-256 $2.
keep() {
  cat >"$1" || exit 1
  [ "$(sha256sum <"$1")" != "$2  -" ] || return 0
  echo 'glue: not whole' >&2
  exit 1
}

# $1 the folder of glue's tools, $2 the file of ids of what was done, $3 the id of this; then the words of files.sh. Where the answer of an
# earlier try was lost, it is given again.
once() {
  tools=$1 receipts=$2 id=$3
  shift 3
  if ! grep -qx -- "$id" "$receipts" 2>/dev/null; then
    sh "$tools/files.sh" "$@" || return
    echo "$id" >>"$receipts"
  fi
}

case $1 in
  put) # $3 where the piece belongs, $4 its size, $5 its SHA-256, $6 a name that is nobody's
    trap 'rm -f -- "$2.$6"' EXIT
    keep "$2.$6" "$5"
    have=0
    [ ! -e "$2" ] || have=$(stat -c %s -- "$2")
    # The answer of an earlier try may have been lost.
    [ "$have" != "$(($3 + $4))" ] || exit 0
    [ "$have" -ge "$3" ] || { echo 'glue: not whole' >&2 && exit 1; }
    [ "$have" = "$3" ] || truncate -s "$3" -- "$2" || exit 1
    cat -- "$2.$6" >>"$2"
    ;;
  whole) # $3 its SHA-256; then as for once
    file=$2 sha256=$3
    shift 3
    trap 'rm -f -- "$file"' EXIT
    keep "$file" "$sha256"
    once "$@" <"$file"
    ;;
  finish) # then as for once
    file=$2
    shift 2
    once "$@" <"$file" || exit
    rm -f -- "$file"
    ;;
  once)
    shift
    once "$@"
    ;;
  *) exit 2 ;;
esac
