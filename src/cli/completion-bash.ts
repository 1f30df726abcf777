/** The completion script for bash (3.2 and later), made from the table of commands. */
import { type Completed, completionOf, OF_KEYS, valuedOptions } from './completion-facts.ts'
import type { Command } from './grammar.ts'
import { COMMON } from './parse-line.ts'

type Case = readonly [pattern: string, action: string]

/** The branches of a `case`, those of one action together. */
const cases = (pairs: readonly Case[]): string => {
  const patterns = new Map<string, string[]>()
  for (const [pattern, action] of pairs) {
    patterns.set(action, [...(patterns.get(action) ?? []), `'${pattern}'`])
  }
  return [...patterns].map(([action, all]) => `    ${all.join(' | ')}) ${action} ;;`).join('\n')
}

const actionOf = (value: Completed): string | undefined =>
  ({
    key: '_pilot_gossip_keys',
    file: '_pilot_gossip_files -f',
    folder: '_pilot_gossip_files -d',
    words: value.kind === 'words' ? `_pilot_gossip_words ${value.words.join(' ')}` : undefined,
    nothing: undefined,
  })[value.kind]

const optionCases = (commands: readonly Command[]): Case[] =>
  commands.map(({ name, options }) => {
    const words = Object.keys({ ...options, ...COMMON }).map((option) => `--${option}`)
    return [name, `_pilot_gossip_words ${words.join(' ')}`]
  })

const valueCases = (commands: readonly Command[]): Case[] =>
  valuedOptions(commands).flatMap(({ name, option }): Case[] => {
    const action = actionOf(completionOf(option, commands))
    return action === undefined ? [] : [[name, action]]
  })

const argumentCases = (commands: readonly Command[]): Case[] =>
  commands.flatMap(({ name, args }) =>
    args.flatMap((arg, index): Case[] => {
      const action = actionOf(completionOf(arg, commands))
      return action === undefined ? [] : [[`${name} ${index}`, action]]
    }),
  )

export const bashScript = (commands: readonly Command[]): string => `\
# Completion of pilot-gossip for bash. In ~/.bashrc: eval "$(pilot-gossip completion bash)"

# These read and write variables of _pilot_gossip: cur, the word to complete; keys_of, the
# options that say which agent is meant.

_pilot_gossip_words() {
  local word
  for word; do
    [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
  done
}

_pilot_gossip_files() {
  local word
  compopt -o filenames 2>/dev/null
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$1" -- "$cur")
}

# Keys come from peers: one that could mean something to the shell is passed over.
_pilot_gossip_keys() {
  local word plain='^[[:alnum:]_./][[:alnum:]_.:/@%+,=-]*$'
  while IFS= read -r word; do
    [[ $word =~ $plain && $word == "$cur"* ]] && COMPREPLY+=("$word")
  done < <("$program" keys \${keys_of[@]+"\${keys_of[@]}"} 2>/dev/null </dev/null)
}

_pilot_gossip_options() {
  case $command in
    '') _pilot_gossip_words ${[...Object.keys(COMMON), 'version'].map((name) => `--${name}`).join(' ')} ;;
${cases(optionCases(commands))}
  esac
}

_pilot_gossip_values() {
  case $1 in
${cases(valueCases(commands))}
  esac
}

_pilot_gossip_arguments() {
  case "$command $count" in
${cases(argumentCases(commands))}
  esac
}

_pilot_gossip() {
  local program=$1 line=\${COMP_LINE:0:COMP_POINT} cur='' command='' option='' is_over='' count=0
  local word i tail before=''
  local -a words=() keys_of=()
  COMPREPLY=()
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    word=\${words[i]}
    if [[ -n $option ]]; then
      case $option in
        ${OF_KEYS.join(' | ')}) keys_of+=("$option" "\${word/#\\~\\//$HOME/}") ;;
      esac
      option=''
    elif [[ -z $is_over && $word == -- ]]; then
      is_over=yes
    elif [[ -z $is_over && $word == -[!0-9.]* ]]; then
      case $word in
        ${OF_KEYS.map((name) => `${name}=*`).join(' | ')}) keys_of+=("$word") ;;
        ${valuedOptions(commands)
          .map(({ name }) => name)
          .join(' | ')}) option=$word ;;
      esac
    elif [[ -z $command ]]; then
      command=$word
    else
      ((count += 1))
    fi
  done
  cur=\${words[i]-}
  if [[ -n $option ]]; then
    _pilot_gossip_values "$option"
  elif [[ -z $is_over && $cur == --*=* ]]; then
    option=\${cur%%=*}
    cur=\${cur#*=}
    [[ $COMP_WORDBREAKS == *=* ]] || before=$option=
    _pilot_gossip_values "$option"
  elif [[ -z $is_over && $cur == -* ]]; then
    _pilot_gossip_options
  elif [[ -z $command ]]; then
    _pilot_gossip_words ${commands.map(({ name }) => name).join(' ')}
  else
    _pilot_gossip_arguments
  fi
  # Where the shell takes a colon for the end of a word, what is before it must not come again.
  tail=$cur
  for word in : = @; do
    [[ $COMP_WORDBREAKS == *"$word"* ]] && tail=\${tail##*"$word"}
  done
  for i in "\${!COMPREPLY[@]}"; do
    COMPREPLY[i]=$before\${COMPREPLY[i]#"\${cur%"$tail"}"}
  done
}

complete -F _pilot_gossip pilot-gossip
`
