/**
 * The command `completion`: prints a script for a shell. The scripts hold no grammar: each passes
 * the words of the line to `pilot-gossip complete` and hands its answer to the shell.
 *
 * ```ts
 * await completion(context, 'bash')
 * ```
 */
import { type Context, report } from './report.ts'

/** The text as it stands here, in which a shell's own `${` is written as `\${`. */
const script = (parts: TemplateStringsArray): string => String.raw(parts).replaceAll('\\${', '${')

/** bash 3.2 and later. */
const bash = script`# Completion of pilot-gossip for bash. In ~/.bashrc: eval "$(pilot-gossip completion bash)"
_pilot_gossip() {
  local line=\${COMP_LINE:0:COMP_POINT} kind='' word cur before='' tail i
  # Keys come from peers: one that bash might interpret is left out.
  local plain='^[[:alnum:]_./-][[:alnum:]_.:/@%+,=-]*$'
  local -a words=()
  COMPREPLY=()
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  cur=\${words[\${#words[@]}-1]}
  while IFS=$'\t' read -r word _; do
    if [[ -z $kind ]]; then kind=$word; elif [[ $word =~ $plain ]]; then COMPREPLY+=("$word"); fi
  done < <("$1" complete "\${words[@]:1}" 2>/dev/null </dev/null)
  if [[ $kind == f* ]]; then
    [[ $cur == --*=* ]] && before=\${cur%%=*}=
    [[ $kind == files ]] && kind=-f || kind=-d
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$before$word"); done < <(compgen $kind -- "\${cur#"$before"}")
  fi
  # bash may split words at these: it then replaces only what follows the last of them.
  tail=$cur
  for word in : = @; do [[ $COMP_WORDBREAKS == *"$word"* ]] && tail=\${tail##*"$word"}; done
  for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]=\${COMPREPLY[i]#"\${cur%"$tail"}"}; done
}
complete -F _pilot_gossip pilot-gossip
`

/** zsh 5 and later. */
const zsh = script`#compdef pilot-gossip
# Completion of pilot-gossip for zsh. In ~/.zshrc, after compinit: eval "$(pilot-gossip completion zsh)"
_pilot-gossip() {
  local -a lines described
  lines=("\${(@f)$(pilot-gossip complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
  [[ $lines[1] == f* && $PREFIX == --*=* ]] && compset -P 1 '*='
  case $lines[1] in
    files) _files ;;
    folders) _files -/ ;;
    *)
      # _describe wants word:description, with the colons of the word escaped.
      described=(\${\${\${lines[2,-1]//\\/\\\\}//:/\\:}/$'\t'/:})
      _describe 'pilot-gossip' described ;;
  esac
}
# A file of its own in fpath is called; anything else is sourced.
if [[ \${funcstack[1]-} == _pilot-gossip ]]; then _pilot-gossip "$@"; else compdef _pilot-gossip pilot-gossip; fi
`

/** fish 3 and later. */
const fish = script`# Completion of pilot-gossip for fish. In config.fish: pilot-gossip completion fish | source
function __pilot_gossip_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -l lines (pilot-gossip complete $words[2..-1] "$last" 2>/dev/null </dev/null)
    set -l before (string match -r '^--[^=]*=' -- "$last")
    set -l path (string replace -- "$before" '' "$last")
    switch "$lines[1]"
        case files
            __fish_complete_path "$path" | string replace -r -- '^' "$before"
        case folders
            __fish_complete_directories "$path" '' | string replace -r -- '^' "$before"
        case '*'
            printf '%s\n' $lines[2..-1]
    end
end
complete -c pilot-gossip -f -a '(__pilot_gossip_complete)'
`

const SCRIPTS: Readonly<Record<string, string>> = { bash, zsh, fish }

/** Throws a TypeError for another shell, which the parser has already refused. */
export const completion = async (context: Context, shell = ''): Promise<void> => {
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined
  if (script === undefined) throw new TypeError(`no script for the shell "${shell}"`)
  report(context, { shell, script }, () => script)
}
