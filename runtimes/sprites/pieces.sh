# Takes pieces of an upload, proven one by one. $1 says which operation, $2 is the file that grows.
PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
umask 077
case $1 in
  put) # $3 where the piece belongs, $4 its size, $5 its SHA-256, $6 a name that is nobody's
    trap 'rm -f -- "$2.$6"' EXIT
    cat >"$2.$6" || exit 1
    if [ "$(sha256sum <"$2.$6")" != "$5  -" ]; then
      echo 'glue: not whole' >&2
      exit 1
    fi
    have=0
    [ ! -e "$2" ] || have=$(stat -c %s -- "$2")
    # The answer of an earlier try may have been lost.
    [ "$have" != "$(($3 + $4))" ] || exit 0
    [ "$have" -ge "$3" ] || { echo 'glue: not whole' >&2 && exit 1; }
    [ "$have" = "$3" ] || truncate -s "$3" -- "$2" || exit 1
    cat -- "$2.$6" >>"$2"
    ;;
  finish) # $3 the folder of glue's tools; then the words of files.sh
    file=$2 tools=$3
    shift 3
    [ -e "$file" ] || : >"$file"
    sh "$tools/files.sh" "$@" <"$file"
    code=$?
    rm -f -- "$file"
    exit "$code"
    ;;
  *) exit 2 ;;
esac
