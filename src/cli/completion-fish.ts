/** The completion script for fish (3 and later), made from the table of commands. */
import { type Completed, completionOf, OF_KEYS, valuedOptions } from './completion-facts.ts'
import type { Command, Option } from './grammar.ts'
import { COMMON, isValued } from './parse-line.ts'

/** The text as one word of fish. */
const quote = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`

const candidates = (value: Completed): string =>
  ({
    key: ` -a '(__pilot_gossip_keys)'`,
    file: ' -F',
    folder: ` -a '(__fish_complete_directories)'`,
    words: value.kind === 'words' ? ` -a ${quote(value.words.join(' '))}` : '',
    nothing: '',
  })[value.kind]

const complete = (condition: string, rest: string): string =>
  `complete -c pilot-gossip -n ${quote(condition)}${rest}`

const optionLine = (
  condition: string,
  [name, option]: readonly [string, Option],
  commands: readonly Command[],
): string => {
  if (!isValued(option)) return complete(condition, ` -l ${name} -d ${quote(option.about)}`)
  const value = completionOf(option, commands)
  // With -r alone fish would offer the names of files too.
  const kind = value.kind === 'file' ? '-r' : '-x'
  return complete(condition, ` -l ${name} ${kind}${candidates(value)} -d ${quote(option.about)}`)
}

const commandLines = (command: Command, commands: readonly Command[]): string[] => {
  const isIt = `__pilot_gossip_is ${command.name}`
  return [
    ...Object.entries(command.options).map((option) => optionLine(isIt, option, commands)),
    ...command.args.flatMap((arg, index) => {
      const found = candidates(completionOf(arg, commands))
      return found === '' ? [] : [complete(`${isIt} ${index}`, found)]
    }),
  ]
}

export const fishScript = (commands: readonly Command[]): string => `\
# Completion of pilot-gossip for fish. In config.fish: pilot-gossip completion fish | source

# The command on the line before the cursor, and how many arguments it has already.
function __pilot_gossip_place
    set -l words (commandline -opc)
    set -e words[1]
    set -l command
    set -l count 0
    set -l is_value no
    for word in $words
        if test $is_value = yes
            set is_value no
            continue
        end
        switch $word
            case ${valuedOptions(commands)
              .map(({ name }) => name)
              .join(' ')}
                set is_value yes
            case '-*'
            case '*'
                if test -z "$command"
                    set command $word
                else
                    set count (math $count + 1)
                end
        end
    end
    echo "$command"
    echo $count
end

# Is it this command, and this many arguments before?
function __pilot_gossip_is
    set -l place (__pilot_gossip_place)
    test "$place[1]" = "$argv[1]"; or return 1
    test (count $argv) -lt 2; or test $place[2] -eq $argv[2]
end

function __pilot_gossip_keys
    set -l keys_of
    set -l option
    for word in (commandline -opc)
        if test -n "$option"
            set -a keys_of $option (string replace -r '^~/' "$HOME/" -- $word)
            set option
            continue
        end
        switch $word
            case ${OF_KEYS.map((name) => `'${name}=*'`).join(' ')}
                set -a keys_of $word
            case ${OF_KEYS.join(' ')}
                set option $word
        end
    end
    # Those with quotes are left out: they are not printed as they are.
    pilot-gossip keys $keys_of 2>/dev/null </dev/null | string match -v -r '^"'
end

complete -c pilot-gossip -f
${Object.entries(COMMON)
  .map(([name, { about }]) => {
    const short = name === 'help' ? ' -s h' : ''
    return `complete -c pilot-gossip${short} -l ${name} -d ${quote(about)}`
  })
  .join('\n')}
${complete(`__pilot_gossip_is ''`, ` -s V -l version -d 'print the version'`)}
${commands.map(({ name, about }) => complete(`__pilot_gossip_is ''`, ` -a ${name} -d ${quote(about)}`)).join('\n')}
${commands.flatMap((command) => commandLines(command, commands)).join('\n')}
`
