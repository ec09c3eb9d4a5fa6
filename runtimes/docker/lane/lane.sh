# Stays in a container and starts commands where an exec of the engine's would take many times as long. As root.
# $1 the folder that it shares with glue, $2 where setsid is, $3 the shell, $4 what the shell runs for each request (start.sh), $5 the launcher.
[ -p "$1/requests" ] || exit 1
# Who it is: whoever ends everything else is to leave it.
echo "$$"
exec >/dev/null
# Also for writing: it is never at its end.
exec 3<>"$1/requests"
glue_x_id=next
while
  # Not in the background of a shell, where SIGINT would be ignored for ever.
  case $glue_x_id in
    '' | *[!A-Za-z0-9_-]*) ;;
    # The one that waited has something to do. Only it says so: there is never more than one that waits.
    next) "$2" -f "$3" -c "$4" glue "$1" '' "$5" 3<&- </dev/null 2>&1 ;;
    *) "$2" -f "$3" -c "$4" glue "$1" "$glue_x_id" 3<&- </dev/null 2>&1 ;;
  esac
  IFS= read -r glue_x_id <&3
do :; done
