/** Shells that glue completes for. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

/**
 * What each shell is given: it hands its words to `glue __complete` and takes the answer, so that what is offered is decided in
 * one place, by the binary that will be called. In an answer `:file`, `:directory` and `:command` ask the shell for its own.
 */
export const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  // bash breaks words at "=" and ":", so they are put together again, and what stands before the last break is cut off the reply.
  // "filenames" is for names of files alone: it puts a backslash before the colon of "ID:".
  bash: `_glue() {
  local IFS=$'\\n' line value words=() i part current own=
  for ((i = 1; i <= COMP_CWORD; i++)); do
    part=\${COMP_WORDS[i]}
    if ((\${#words[@]} > 0)) && [[ $part == [=:]* || \${COMP_WORDS[i-1]} == *[=:] && $i -gt 2 ]]; then
      words[\${#words[@]}-1]+=$part
    else
      words+=("$part")
    fi
  done
  current=\${words[\${#words[@]}-1]}
  COMPREPLY=()
  for line in $("\${COMP_WORDS[0]}" __complete -- "\${words[@]}" 2>/dev/null); do
    value=\${line%%$'\\t'*}
    case $value in
      :file) COMPREPLY+=($(compgen -f -- "\${current##*=}")) ;;
      :directory) COMPREPLY+=($(compgen -d -- "\${current##*=}")) ;;
      :command) own=1; COMPREPLY+=($(compgen -c -- "$current")) ;;
      *)
        [[ $value == "$current"* ]] || continue
        own=1
        [[ $value == *[=:] ]] && compopt -o nospace
        if [[ $current == *[=:]* ]]; then value=\${value#"\${current%"\${current##*[=:]}"}"}; fi
        COMPREPLY+=("$value")
        ;;
    esac
  done
  [[ $own ]] || compopt -o filenames
}
complete -F _glue glue
`,
  zsh: `#compdef glue
_glue() {
  local line value entry
  local -a offers unfinished
  for line in "\${(@f)$(\${words[1]} __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    value=\${line%%$'\\t'*}
    case $value in
      "") ;;
      :file) _files ;;
      :directory) _files -/ ;;
      :command) _command_names -e ;;
      *)
        entry="\${value//:/\\\\:}:\${line#*$'\\t'}"
        if [[ $value == *[=:] ]]; then unfinished+=("$entry"); else offers+=("$entry"); fi
        ;;
    esac
  done
  (( \${#offers} )) && _describe 'glue' offers
  (( \${#unfinished} )) && _describe 'glue' unfinished -S ''
}
if [ "$funcstack[1]" = "_glue" ]; then _glue "$@"; else compdef _glue glue; fi
`,
  fish: `function __glue_complete
  set -l words (commandline -opc)[2..-1] (commandline -ct)
  for line in (glue __complete -- $words 2>/dev/null)
    switch $line
      case ':file*' ':directory*'
        __fish_complete_path (commandline -ct)
      case ':command*'
        __fish_complete_command
      case '*'
        echo $line
    end
  end
end
complete -c glue -f -k -a '(__glue_complete)'
`,
  // Elements of the command line that end before the cursor are whole words; a quoted one stands for its text.
  powershell: `Register-ArgumentCompleter -Native -CommandName @('glue', 'glue.exe') -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object {
    if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.ToString() }
  })
  $glue = $commandAst.GetCommandName()
  & $glue __complete "--word=$wordToComplete" '--' @words 2>$null | ForEach-Object {
    $value, $description = $_ -split "\`t", 2
    if (-not $value.StartsWith(':') -and $value.StartsWith($wordToComplete, [StringComparison]::OrdinalIgnoreCase)) {
      if (-not $description) { $description = $value }
      [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
    }
  }
}
`,
};
