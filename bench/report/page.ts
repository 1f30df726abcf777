/**
 * The report as one HTML file: no script, no network, light and dark.
 *
 * ```ts
 * writeFileSync('report.html', createPage(result, simulation))
 * ```
 */
import type { Result as Simulation } from '../simulate/simulate.ts'
import type { BenchResult } from '../workloads/bench.ts'
import type { Chapter, Table } from './chapter.ts'
import { createFigures } from './figures.ts'
import type { Figure } from './plot/figure.ts'
import { type Child, element, type Markup, raw, render } from './plot/markup.ts'
import { toInline } from './plot/picture.ts'
import { PAGE_CSS, PICTURE_CSS, ROOT_CSS } from './plot/theme.ts'
import { chaptersOf, participantsOf, showMachine } from './report.ts'
import { simulationChapter } from './simulation-chapters.ts'

const cell = (name: 'td' | 'th', text: string, isLeft: boolean): Markup =>
  element(
    name,
    { class: isLeft ? 'left' : undefined, scope: name === 'th' ? 'col' : undefined },
    text,
  )

const showTable = ({ caption, head, rows, left }: Table): Child => [
  caption === '' ? [] : element('h3', {}, caption),
  element(
    'div',
    { class: 'table' },
    element(
      'table',
      {},
      element(
        'thead',
        {},
        element(
          'tr',
          {},
          head.map((text, at) => cell('th', text, at < left)),
        ),
      ),
      element(
        'tbody',
        {},
        rows.map((row) =>
          element(
            'tr',
            {},
            row.map((text, at) => cell('td', text, at < left)),
          ),
        ),
      ),
    ),
  ),
]

const showFigures = (figures: readonly Figure[]): Child =>
  figures.length === 0
    ? []
    : element(
        'div',
        { class: 'plots' },
        figures.map(({ id, picture }) => element('figure', { id }, toInline(picture))),
      )

const showChapter = ({ id, title, note, tables }: Chapter, figures: readonly Figure[]): Markup =>
  element(
    'section',
    { id: `chapter-${id}` },
    element('h2', {}, title),
    element('p', { class: 'soft' }, note),
    showFigures(figures),
    element(
      'details',
      { open: figures.length === 0 ? '' : undefined },
      element('summary', {}, 'Figures as a table'),
      tables.map(showTable),
    ),
  )

const participants = (result: BenchResult): Table => ({
  caption: '',
  head: ['name', 'what it is'],
  rows: participantsOf(result),
  left: 2,
})

/** With the simulation's part where there is one. */
export const createPage = (result: BenchResult, simulation?: Simulation): string => {
  const chapters = [...chaptersOf(result), ...(simulation ? [simulationChapter(simulation)] : [])]
  const figures = createFigures(result, simulation)
  const title = 'pilot-gossip: what a merge costs'
  const head = element(
    'head',
    {},
    element('meta', { charset: 'utf-8' }),
    element('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    element('title', {}, title),
    element('style', {}, raw(`${ROOT_CSS}${PAGE_CSS}${PICTURE_CSS}`)),
  )
  const body = element(
    'body',
    {},
    element('h1', {}, title),
    element(
      'p',
      { class: 'soft' },
      `${result.date}, seed ${result.seed}`,
      element('br', {}),
      showMachine(result),
    ),
    element(
      'nav',
      {},
      chapters.map(({ id, title: name }) => element('a', { href: `#chapter-${id}` }, name)),
    ),
    element(
      'details',
      {},
      element('summary', {}, 'Who takes part'),
      showTable(participants(result)),
    ),
    chapters.map((chapter) => showChapter(chapter, figures.get(chapter.id) ?? [])),
  )
  return `<!doctype html>\n${render(element('html', { lang: 'en' }, head, body))}\n`
}
