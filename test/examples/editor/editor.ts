/// <reference lib="dom" />
/**
 * The page's program: CodeMirror on a `Y.Text`, shared by an unmodified y-websocket client, with
 * the names and cursors of everyone who is present. It knows only the address of the bridge.
 */
import { EditorState } from '@codemirror/state'
import { EditorView, keymap, placeholder } from '@codemirror/view'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

/** Filled in by serve.ts: `ws://HOST:PORT`, and the room as it is written in an address. */
declare const BRIDGE: string
declare const ROOM: string

type User = { name: string; color: string; colorLight: string }

/** White text is legible on each of them, and each is legible on white and on black. */
const COLOURS = [
  '#1971c2',
  '#c2410c',
  '#0f7b53',
  '#b02a6f',
  '#7048c6',
  '#96600a',
  '#0b7285',
  '#c92a2a',
]

const search = new URLSearchParams(location.search)
const token = search.get('token')
const doc = new Y.Doc()
const text = doc.getText('text')
const provider = new WebsocketProvider(BRIDGE, ROOM, doc, {
  params: token === null ? {} : { token },
})
const { awareness } = provider

/** The element of index.html that has this id. */
const element = (id: string): HTMLElement => {
  const found = document.getElementById(id)
  if (!found) throw new Error(`index.html has no element "${id}"`)
  return found
}

const introduce = (name: string): void => {
  const color = COLOURS[doc.clientID % COLOURS.length] ?? ''
  awareness.setLocalStateField('user', { name, color, colorLight: `${color}40` } satisfies User)
}

const showPeople = (): void => {
  const people = [...awareness.getStates()].flatMap(([id, { user }]) => {
    if (!user) return [] // a program that has not said who it is
    const { name, color } = user as User
    const item = document.createElement('li')
    item.style.setProperty('--colour', color)
    item.textContent = id === doc.clientID ? `${name} (you)` : name
    return [item]
  })
  element('people').replaceChildren(...people)
}

const showStatus = (status: string): void => {
  element('status').textContent = status
  element('status').dataset.status = status
}

document.title = decodeURIComponent(ROOM)
element('room').textContent = decodeURIComponent(ROOM)
awareness.on('change', showPeople)
introduce(search.get('name') ?? `guest ${doc.clientID % 1000}`)
provider.on('status', ({ status }) => showStatus(status))

const breakLine = (view: EditorView): boolean => {
  view.dispatch(view.state.replaceSelection('\n'), { scrollIntoView: true })
  return true
}

new EditorView({
  parent: element('editor'),
  state: EditorState.create({
    doc: text.toString(),
    extensions: [
      keymap.of([{ key: 'Enter', run: breakLine }, ...yUndoManagerKeymap]),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': 'the text' }),
      placeholder('Write: everybody in the room sees it.'),
      yCollab(text, awareness),
    ],
  }),
}).focus()
