# File operations, one each call: $1 says which, $2 is the path, absolute, after a letter: p, or b where it is in printf's %b form
# because it is no UTF-8. Errors are the system's own words on stderr (LC_ALL is C) and a status other than 0.

PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
umask 022

fail() {
  echo "$1" >&2
  exit 1
}

decode() {
  case $1 in
    p*) decoded=${1#p} ;;
    *)
      # A substitution drops newlines at the end.
      decoded=$(printf '%bx' "${1#b}")
      decoded=${decoded%x}
      ;;
  esac
}

# Ends with the system's words for why there is nothing to read at $1.
explain() {
  cat -- "$1" >/dev/null || exit 1
  fail 'No such file or directory'
}

parent() {
  folder=${1%/*}
  [ -n "$folder" ] || folder=/
}

open_file() {
  [ ! -d "$path" ] || fail 'Is a directory'
  if [ ! -f "$path" ]; then
    [ ! -e "$path" ] || fail 'not a regular file'
    explain "$path"
  fi
  # A shell ends, with the system's words, when this fails.
  exec 4<"$path"
  printf k
}

# A link is written through; what it points to may be missing.
through_links() {
  links=0
  while [ -L "$path" ]; do
    links=$((links + 1))
    [ "$links" -le 40 ] || fail 'Too many levels of symbolic links'
    link=$(readlink -n -- "$path" && printf x) || exit 1
    link=${link%x}
    case $link in
      /*) path=$link ;;
      *)
        parent "$path"
        path=$folder/$link
        ;;
    esac
  done
}

each() {
  for name do
    # A pattern that matched nothing stands for itself.
    if [ -e "./$name" ] || [ -L "./$name" ]; then printf './%s\0' "$name"; fi
  done
}

operation=$1
decode "$2"
path=$decoded
case $operation in
  read)
    open_file
    cat <&4
    ;;
  range) # $3 the offset, $4 the length
    open_file
    # dd moves the place in the file, which head shares.
    [ "$3" = 0 ] || dd bs=1 skip="$3" count=0 <&4 2>/dev/null
    head -c "$4" <&4
    ;;
  write) # $3 the size, $4 a name that is nobody's, $5 the mode or empty, $6 the file to take it from, which goes; without it stdin
    from=${6-} temporary=
    trap 'rm -f -- "$temporary" "$from"' EXIT
    trap 'exit 1' HUP INT TERM
    through_links
    [ ! -d "$path" ] || fail 'Is a directory'
    parent "$path"
    mode=$5 owner=
    if [ -e "$path" ]; then
      [ -f "$path" ] || fail 'not a regular file'
      old=$(stat -c '%a %u:%g' -- "$path") || exit 1
      owner=${old#* }
      [ -n "$mode" ] || mode=${old% *}
    else
      [ -d "$folder" ] || mkdir -p -- "$folder" || exit 1
    fi
    temporary=$folder/.glue-$4
    if [ -z "$from" ]; then
      cat >"$temporary" || exit 1
    elif [ -O "$from" ] && [ -G "$from" ] && [ ! -g "$folder" ]; then
      mv -fT -- "$from" "$temporary" || exit 1
      [ -n "$mode" ] || mode=644
    else
      # Under another name it would differ from a new file by more than its mode.
      cat <"$from" >"$temporary" || exit 1
      rm -f -- "$from"
    fi
    # Who sends may die in the middle.
    new=$(stat -c '%s %u:%g' -- "$temporary") || exit 1
    [ "${new% *}" = "$3" ] || fail 'glue: not whole'
    [ -z "$owner" ] || [ "$owner" = "${new#* }" ] || chown "$owner" -- "$temporary" 2>/dev/null
    if [ -n "$mode" ]; then chmod "$mode" -- "$temporary" || exit 1; fi
    mv -fT -- "$temporary" "$path" || exit 1
    trap - EXIT
    ;;
  stat)
    stat -c '%f %s' -- "$path" || exit 1
    [ ! -L "$path" ] || readlink -n -- "$path"
    ;;
  list)
    if [ ! -d "$path" ]; then
      [ ! -e "$path" ] || fail 'Not a directory'
      explain "$path"
    fi
    if [ ! -r "$path" ] || ! cd -- "$path"; then fail 'Permission denied'; fi
    set -- * .[!.]* ..?*
    each "$@"
    printf '\0'
    each "$@" | xargs -0 -r stat -c '%f %s' --
    for name do
      [ ! -L "./$name" ] || { readlink -n -- "./$name" && printf '\0'; }
    done
    ;;
  mkdir)
    mkdir -p -- "$path"
    ;;
  remove) # $3 yes for a directory with all that is in it
    if [ -d "$path" ] && [ ! -L "$path" ]; then
      [ "$3" = yes ] || fail 'Is a directory'
      rm -rf -- "$path" 2>/dev/null || {
        # A directory may forbid its owner to take anything out of it.
        chmod -R u+rwx -- "$path"
        rm -rf -- "$path"
      }
    else
      rm -f -- "$path"
    fi
    ;;
  move) # $3 where to, in the form of $2
    decode "$3"
    if [ -d "$decoded" ] && [ ! -L "$decoded" ]; then
      if [ ! -d "$path" ] || [ -L "$path" ]; then fail 'Is a directory'; fi
      rmdir -- "$decoded" || exit 1
    fi
    mv -fT -- "$path" "$decoded" && exit
    # busybox takes a link to a directory for the directory.
    if [ ! -L "$decoded" ] || [ ! -d "$decoded" ]; then exit 1; fi
    rm -f -- "$decoded" && mv -fT -- "$path" "$decoded"
    ;;
esac
