/**
 * Gives each loaded subdocument a provider and a room of its own.
 *
 * ```ts
 * const subdocs = new Subdocs(doc, (sub) => new PilotGossipProvider(via, `${room}/${sub.guid}`, sub), onFailed)
 * subdocs.providers.get(guid)
 * await subdocs.destroy()
 * ```
 */
import type * as Y from 'yjs'

/** What Yjs reports for one transaction. */
interface Change {
  readonly loaded: ReadonlySet<Y.Doc>
  readonly removed: ReadonlySet<Y.Doc>
}

interface Destroyable {
  readonly doc: Y.Doc
  destroy(): Promise<void> | void
}

export class Subdocs<Provider extends Destroyable> {
  /** By guid. */
  readonly providers = new Map<string, Provider>()
  readonly #doc: Y.Doc
  readonly #create: (doc: Y.Doc) => Provider
  readonly #onFailed: (error: unknown) => void
  readonly #ending = new Set<Promise<void>>()

  /** `onFailed` is called if a provider cannot be created: any writer can choose an invalid guid. */
  constructor(doc: Y.Doc, create: (doc: Y.Doc) => Provider, onFailed: (error: unknown) => void) {
    this.#doc = doc
    this.#create = create
    this.#onFailed = onFailed
    doc.on('subdocs', this.#onChange)
  }

  /** Opens the subdocuments that are loaded already. */
  start(): void {
    for (const doc of this.#doc.getSubdocs()) if (doc.shouldLoad) this.#open(doc)
  }

  async destroy(): Promise<void> {
    this.#doc.off('subdocs', this.#onChange)
    for (const { doc } of [...this.providers.values()]) this.#close(doc)
    await Promise.all(this.#ending)
  }

  readonly #onChange = ({ loaded, removed }: Change): void => {
    for (const doc of removed) this.#close(doc)
    for (const doc of loaded) this.#open(doc)
  }

  #open(doc: Y.Doc): void {
    const known = this.providers.get(doc.guid)
    if (known?.doc === doc) return
    // Yjs creates another object with the same guid when a subdocument is loaded again.
    if (known) this.#close(known.doc)
    try {
      this.providers.set(doc.guid, this.#create(doc))
    } catch (error) {
      this.#onFailed(error)
    }
  }

  #close(doc: Y.Doc): void {
    const provider = this.providers.get(doc.guid)
    if (provider?.doc !== doc) return
    this.providers.delete(doc.guid)
    const ended = Promise.resolve(provider.destroy())
      .catch(this.#onFailed)
      .finally(() => this.#ending.delete(ended))
    this.#ending.add(ended)
  }
}
