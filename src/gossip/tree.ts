/**
 * The links of one document that form a tree (Plumtree: Leitão, Pereira, Rodrigues 2007). All links
 * are eager at first: a push goes over each of them. A push that brings nothing new makes its link
 * lazy, so that the eager ones become a tree, and only digests go over the others. A digest over a
 * lazy link that leads to a pull makes the link eager again: that repairs the tree.
 *
 * ```ts
 * tree.makeLazy('b')       // b sent what was here already
 * tree.isLazy('b')
 * ```
 */
export class Tree {
  readonly #lazy = new Set<string>()

  isLazy(address: string): boolean {
    return this.#lazy.has(address)
  }

  makeLazy(address: string): void {
    this.#lazy.add(address)
  }

  makeEager(address: string): void {
    this.#lazy.delete(address)
  }
}
