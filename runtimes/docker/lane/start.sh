# Runs one request, whose folder is $1. Whoever makes `claim` first has it: this shell, or glue, which then takes another way.
set -C
: >"$1/claim" || exit 1
set +C
exec >"$1/out" 2>"$1/err"
glue_x_text=
{
  IFS= read -r glue_x_stop
  while IFS= read -r glue_x_line && [ "$glue_x_line" != "$glue_x_stop" ]; do
    glue_x_text="$glue_x_text$glue_x_line
"
  done
} <"$1/words"
eval "$glue_x_text"
