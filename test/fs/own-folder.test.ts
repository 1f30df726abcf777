/** Folders and files that another user may have prepared: links, pipes, other owners, growing files. */
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { checkEntries, checkOwn, checkRoot, makeOwn } from '../../src/fs/own-folder.ts'
import { readPlain } from '../../src/fs/plain-file.ts'
import { inFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('own folders')

/** A user that is neither this one nor the administrator. */
const OTHER = 54_321

const modeOf = (path: string): number => statSync(path).mode & 0o777

test('a link is never taken for a folder of ours, nor a file', () =>
  inFolder(async (dir) => {
    mkdirSync(join(dir, 'private'))
    symlinkSync(join(dir, 'private'), join(dir, 'link'))
    writeFileSync(join(dir, 'file'), '')
    await rejects(
      () => makeOwn('the box', join(dir, 'link')),
      /permission_denied .*"\S*link" is a symbolic link/,
    )
    await rejects(
      () => makeOwn('the box', join(dir, 'file')),
      /permission_denied .*"\S*file" is not a folder/,
    )
    await rejects(() => checkOwn('the box', join(dir, 'none')), /ENOENT/)
  }))

test("another user's folder is refused, and one of ours is closed to others", () =>
  inFolder(async (dir) => {
    const box = join(dir, 'box')
    mkdirSync(box)
    chmodSync(box, 0o755)
    await rejects(
      () => makeOwn('the box', box, OTHER),
      /permission_denied .*"\S*box" belongs to another user/,
    )
    assert.is(modeOf(box), 0o755)
    await makeOwn('the box', box)
    assert.is(modeOf(box), 0o700)
    await makeOwn('the box', join(dir, 'new'))
    assert.is(modeOf(join(dir, 'new')), 0o700)
  }))

test('a root may be a link, and not one in which any user can replace things', () =>
  inFolder(async (dir) => {
    const root = join(dir, 'root')
    mkdirSync(root)
    symlinkSync(root, join(dir, 'link'))
    await checkRoot('the folder', join(dir, 'link'))
    chmodSync(root, 0o777)
    await rejects(
      () => checkRoot('the folder', root),
      /permission_denied .*lets every user replace/,
    )
    chmodSync(root, 0o1777)
    await checkRoot('the folder', root)
  }))

test('an entry of another user in a data folder is refused', () =>
  inFolder(async (dir) => {
    mkdirSync(join(dir, 'log'))
    await checkEntries('the data folder', dir)
    // The administrator trusts its own files, and can give one away; any other user is the other one.
    const isAdministrator = process.getuid?.() === 0
    if (isAdministrator) chownSync(join(dir, 'log'), OTHER, OTHER)
    const check = () => checkEntries('the data folder', dir, isAdministrator ? 0 : OTHER)
    await rejects(check, /permission_denied .*belongs to another user/)
  }))

test('only plain files within the bound are read, and a pipe holds nothing up', () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, 'file'), 'text')
    symlinkSync(join(dir, 'file'), join(dir, 'link'))
    mkdirSync(join(dir, 'folder'))
    execFileSync('mkfifo', [join(dir, 'pipe')])
    assert.is(`${await readPlain(join(dir, 'file'), 4)}`, 'text')
    assert.is(await readPlain(join(dir, 'file'), 3), undefined)
    for (const name of ['link', 'folder', 'pipe'])
      assert.is(await readPlain(join(dir, name), 100), undefined, name)
    await rejects(() => readPlain(join(dir, 'none'), 100), /ENOENT/)
  }))

test.run()
