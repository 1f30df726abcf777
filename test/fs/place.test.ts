/**
 * A data folder that is a copy, or was restored from one, is detected before its first write and gets
 * a new writer id. A folder that was moved keeps its id.
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Disk, nodeDisk } from '../../src/fs/disk.ts'
import { type Inode, isAt, parsePlace, placeOf, readHost } from '../../src/fs/place.ts'
import { Identity } from '../../src/store/identity.ts'
import { inFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('store place')

const NODE = 0xcafe
const FILE = 'writer.json'

interface Life {
  readonly writer: number
  readonly reason: string
}

/** Opens the folder, takes an id with that clock on disk, and publishes up to another clock. */
const live = async (
  dir: string,
  {
    onDisk = 0,
    before,
    publish,
    disk,
  }: { onDisk?: number; before?: Life; publish?: number; disk?: Disk } = {},
): Promise<Life> => {
  const identity = new Identity({ dir, ...(disk && { disk }) })
  await identity.open()
  try {
    const taken = await identity.take(NODE, new Map(before ? [[before.writer, onDisk]] : []))
    if (publish !== undefined) await identity.publish(publish)
    return taken
  } finally {
    await identity.close()
  }
}

/** A folder in which a writer has published twice, and a copy from between the two. */
const lived = async (root: string) => {
  const [dir, backup] = [join(root, 'data'), join(root, 'backup')]
  const first = await live(dir, { publish: 5 })
  cpSync(dir, backup, { recursive: true, preserveTimestamps: true })
  const again = await live(dir, { before: first, onDisk: 9, publish: 9 })
  assert.equal(again, { writer: first.writer, reason: 'same' })
  return { dir, backup, first }
}

const isNew = (life: Life, before: Life, reason = 'copied'): void => {
  assert.is(life.reason, reason)
  assert.is.not(life.writer, before.writer)
}

test('a folder that was moved or is reached by another path keeps its writer', () =>
  inFolder(async (root) => {
    const { dir, first } = await lived(root)
    const moved = join(root, 'moved')
    renameSync(dir, moved)
    const link = join(root, 'link')
    symlinkSync(moved, link)
    for (const path of [moved, link, `${moved}/`]) {
      const life = await live(path, { before: first, onDisk: 9 })
      assert.equal(life, { writer: first.writer, reason: 'same' })
    }
  }))

const copies: Readonly<Record<string, (dir: string, copy: string) => void>> = {
  'cp -a': (dir, copy) => cpSync(dir, copy, { recursive: true, preserveTimestamps: true }),
  'cp -al, with the same inodes for files': (dir, copy) => {
    mkdirSync(copy)
    linkSync(join(dir, FILE), join(copy, FILE))
  },
  tar: (dir, copy) => {
    mkdirSync(copy)
    const { status } = spawnSync('sh', [
      '-c',
      'tar -C "$0" -cf - . | tar -C "$1" -xpf -',
      dir,
      copy,
    ])
    assert.is(status, 0)
  },
}

for (const [how, copy] of Object.entries(copies)) {
  test(`a copy (${how}) has a new writer, and the original keeps its own`, () =>
    inFolder(async (root) => {
      const { dir, first } = await lived(root)
      const other = join(root, 'copy')
      copy(dir, other)
      isNew(await live(other, { before: first, onDisk: 9 }), first)
      const life = await live(dir, { before: first, onDisk: 9 })
      assert.equal(life, { writer: first.writer, reason: 'same' })
    }))
}

const restores: Readonly<Record<string, (backup: string, dir: string) => void>> = {
  'into the existing file': (backup, dir) => copyFileSync(join(backup, FILE), join(dir, FILE)),
  'as rsync does: a new file gets the name': (backup, dir) => {
    cpSync(join(backup, FILE), join(dir, '.writer.json.Xy12'), { preserveTimestamps: true })
    renameSync(join(dir, '.writer.json.Xy12'), join(dir, FILE))
  },
  'by a new folder, after the old one was removed': (backup, dir) => {
    rmSync(dir, { recursive: true })
    cpSync(backup, dir, { recursive: true, preserveTimestamps: true })
  },
  'by a move of the copy': (backup, dir) => {
    rmSync(dir, { recursive: true })
    renameSync(backup, dir)
  },
}

for (const [how, restore] of Object.entries(restores)) {
  test(`a folder restored from a copy (${how}) has a new writer`, () =>
    inFolder(async (root) => {
      const { dir, backup, first } = await lived(root)
      restore(backup, dir)
      // Its document is that of the copy or a newer one.
      isNew(await live(dir, { before: first, onDisk: 5 }), first)
    }))
}

test('a copy gets a new writer at its first start only', () =>
  inFolder(async (root) => {
    const { dir, first } = await lived(root)
    const copy = join(root, 'copy')
    cpSync(dir, copy, { recursive: true })
    const second = await live(copy, { before: first, onDisk: 9, publish: 2 })
    const third = await live(copy, { before: second, onDisk: 2 })
    assert.equal(third, { writer: second.writer, reason: 'same' })
  }))

test('a folder of an older format, without a place, keeps its writer, and later copies are detected', () =>
  inFolder(async (root) => {
    const { dir, first } = await lived(root)
    const { place, ...former } = JSON.parse(readFileSync(join(dir, FILE), 'utf8'))
    assert.ok(parsePlace(place))
    writeFileSync(join(dir, FILE), JSON.stringify(former))
    const life = await live(dir, { before: first, onDisk: 9 })
    assert.equal(life, { writer: first.writer, reason: 'same' })
    const copy = join(root, 'copy')
    cpSync(dir, copy, { recursive: true })
    isNew(await live(copy, { before: first, onDisk: 9 }), first)
    // A place that cannot be read counts as absent.
    for (const broken of [null, 1, {}, { folder: {}, file: {} }, { folder: { inode: 1 } }]) {
      assert.is(parsePlace(broken), undefined)
    }
  }))

const inode = (ino: number, birth = 0, changed = 9): Inode => ({
  ino: BigInt(ino),
  birthtimeNs: BigInt(birth),
  ctimeNs: BigInt(changed),
})

test('a reused inode is detected by its time of birth, if that is recorded', () => {
  const place = placeOf(inode(1, 5), inode(2, 9), undefined)
  assert.ok(isAt(place, inode(1, 5, 20), inode(2, 9, 30), undefined))
  assert.not.ok(isAt(place, inode(1, 6, 20), inode(2, 9, 30), undefined))
  assert.not.ok(isAt(place, inode(1, 5, 20), inode(2, 10, 30), undefined))
  assert.not.ok(isAt(place, inode(1, 5, 20), inode(3, 9, 30), undefined))
})

test('a file system without times of birth: ignores 0 and the time of the last change', () => {
  for (const birth of [
    (_: number) => 0, // not recorded
    (changed: number) => changed,
  ]) {
    const place = placeOf(inode(1, birth(9)), inode(2, birth(9)), undefined)
    assert.ok(isAt(place, inode(1, birth(20), 20), inode(2, birth(30), 30), undefined))
    assert.not.ok(isAt(place, inode(3, birth(20), 20), inode(2, birth(30), 30), undefined))
    assert.not.ok(isAt(place, inode(1, birth(20), 20), inode(3, birth(30), 30), undefined))
  }
})

test('without times of birth a folder keeps its writer over starts, and a copy does not', () =>
  inFolder(async (root) => {
    const disk: Disk = {
      ...nodeDisk,
      inodeOf: async (path) => ({
        ...(await numbersOf(await nodeDisk.inodeOf!(path))),
        birthtimeNs: 0n,
      }),
    }
    const [dir, copy] = [join(root, 'data'), join(root, 'copy')]
    const first = await live(dir, { disk, publish: 5 })
    for (let start = 0; start < 3; start++) {
      const life = await live(dir, { disk, before: first, onDisk: 5 + start, publish: 5 + start })
      assert.equal(life, { writer: first.writer, reason: 'same' })
    }
    cpSync(dir, copy, { recursive: true })
    isNew(await live(copy, { disk, before: first, onDisk: 9 }), first)
  }))

const numbersOf = ({ ino, birthtimeNs, ctimeNs }: Inode): Inode => ({ ino, birthtimeNs, ctimeNs })

test('the same inodes on another host are a copy; a host without an id is not compared', () => {
  const place = placeOf(inode(1, 5), inode(2, 5), 'here')
  assert.ok(isAt(place, inode(1, 5), inode(2, 5), 'here'))
  assert.not.ok(isAt(place, inode(1, 5), inode(2, 5), 'there'))
  assert.ok(isAt(place, inode(1, 5), inode(2, 5), undefined))
  assert.ok(isAt(placeOf(inode(1, 5), inode(2, 5), undefined), inode(1, 5), inode(2, 5), 'there'))
})

test('a host is identified by a hash of its machine id', () =>
  inFolder((dir) => {
    const id = join(dir, 'machine-id')
    assert.is(readHost([id]), undefined)
    writeFileSync(id, '\n')
    assert.is(readHost([id]), undefined)
    writeFileSync(id, '1234567890abcdef1234567890abcdef\n')
    const host = readHost([join(dir, 'none'), id])
    assert.match(host!, /^[0-9a-f]{16}$/)
    assert.not.match(host!, /1234/)
  }))

test.run()
