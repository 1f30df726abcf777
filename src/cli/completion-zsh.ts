/** The completion script for zsh (5 and later), made from the table of commands. */
import { type Completed, completionOf, OF_KEYS } from './completion-facts.ts'
import type { Argument, Command, Option } from './grammar.ts'
import { COMMON, isValued } from './parse-line.ts'

/** The text as one word of zsh. */
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** Text inside a specification of _arguments, or of _describe. */
const escapeSpec = (text: string): string => text.replace(/[\\[\]:]/g, '\\$&')

const action = (value: Completed): string =>
  ({
    key: '_pilot_gossip_keys',
    file: '_files',
    folder: '_files -/',
    words: value.kind === 'words' ? `(${value.words.join(' ')})` : '',
    nothing: ' ',
  })[value.kind]

const optionSpec = (
  [name, option]: readonly [string, Option],
  commands: readonly Command[],
): string => {
  if (!isValued(option)) return quote(`--${name}[${escapeSpec(option.about)}]`)
  const { value, about, isList } = option
  const times = isList ? '*' : ''
  const values = action(completionOf(option, commands))
  return quote(`${times}--${name}=[${escapeSpec(about)}]:${escapeSpec(value)}:${values}`)
}

const argumentSpec = (arg: Argument, index: number, commands: readonly Command[]): string => {
  const name = `${arg.isOptional ? ':' : ''}:${escapeSpec(arg.name)}`
  return quote(`${index + 1}${name}:${action(completionOf(arg, commands))}`)
}

const HELP = `'(-h --help)'{-h,--help}'[${COMMON.help!.about}]'`
const JSON_FLAG = `'--json[${escapeSpec(COMMON.json!.about)}]'`

const branch = (command: Command, commands: readonly Command[]): string => {
  const specs = [
    ...Object.entries(command.options).map((option) => optionSpec(option, commands)),
    JSON_FLAG,
    HELP,
    ...command.args.map((arg, index) => argumentSpec(arg, index, commands)),
  ]
  return `        ${command.name})\n          _arguments -S ${specs.join(' \\\n            ')} && ret=0 ;;`
}

export const zshScript = (commands: readonly Command[]): string => `\
#compdef pilot-gossip
# Completion of pilot-gossip for zsh. In ~/.zshrc, behind compinit: eval "$(pilot-gossip completion zsh)"

_pilot_gossip_keys() {
  local -a keys_of all
  local -i i
  for (( i = 2; i < CURRENT; i++ )); do
    case $words[i] in
      ${OF_KEYS.join('|')}) keys_of+=($words[i] \${\${(Q)words[i+1]}/#\\~\\//$HOME/}) ;;
      ${OF_KEYS.map((name) => `${name}=*`).join('|')}) keys_of+=(\${(Q)words[i]}) ;;
    esac
  done
  all=(\${(f)"$(pilot-gossip keys $keys_of 2>/dev/null </dev/null)"})
  # Those with quotes are left out: they are not printed as they are.
  all=(\${all:#\\"*})
  compadd -a all
}

_pilot-gossip() {
  local curcontext=$curcontext state state_descr line ret=1
  local -A opt_args
  local -a commands
  commands=(
${commands.map(({ name, about }) => `    ${quote(`${name}:${escapeSpec(about)}`)}`).join('\n')}
  )
  _arguments -C -S ${JSON_FLAG} \\
    ${HELP} \\
    '(-V --version)'{-V,--version}'[print the version]' \\
    '1: :->command' \\
    '*:: :->arguments' && ret=0
  case $state in
    command)
      _describe -t commands command commands && ret=0 ;;
    arguments)
      curcontext=\${curcontext%:*:*}:pilot-gossip-$words[1]:
      case $words[1] in
${commands.map((command) => branch(command, commands)).join('\n')}
      esac ;;
  esac
  return ret
}

# As a file of its own in fpath, it is called; else it is sourced.
if [[ \${funcstack[1]-} == _pilot-gossip ]]; then
  _pilot-gossip "$@"
else
  compdef _pilot-gossip pilot-gossip
fi
`
