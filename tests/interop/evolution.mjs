// Names the changes of the schema since the last release that can break a client, and asks the change log for each.
// docs/schema has the schema of every release, named by its version.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { buildSchema, findBreakingChanges, findDangerousChanges } from 'graphql'
import { check } from './support.mjs'

const repository = process.env.RAPPORT_REPOSITORY
const read = (...parts) => readFileSync(path.join(repository, ...parts), 'utf8')

/** Returns the changes between two schemas, as `TYPE: description`. */
function changes(before, after) {
  const schemas = [buildSchema(before), buildSchema(after)]
  const named = ({ type, description }) => `${type}: ${description}`
  return {
    breaking: findBreakingChanges(...schemas).map(named),
    dangerous: findDangerousChanges(...schemas).map(named),
  }
}

/** Returns the lines of the section of the change log that is not released yet. */
function unreleased(log) {
  const [, section = ''] = log.split(/^## Unreleased$/m)
  return section.split(/^## /m)[0]
}

await check('a removed field and a new required argument are breaking, a new enum value is dangerous', () => {
  const before = 'type Query { a(x: Int): Int b: Kind } enum Kind { ONE }'
  const after = 'type Query { b(x: Int!): Kind } enum Kind { ONE TWO }'
  const { breaking, dangerous } = changes(before, after)
  assert.deepEqual(breaking, [
    'FIELD_REMOVED: Query.a was removed.',
    'REQUIRED_ARG_ADDED: A required arg x on Query.b was added.',
  ])
  assert.deepEqual(dangerous, ['VALUE_ADDED_TO_ENUM: TWO was added to enum type Kind.'])
})

await check('the schema has no change since the last release that the change log does not name', () => {
  const releases = readdirSync(path.join(repository, 'docs/schema')).filter((name) => name.endsWith('.graphql'))
  const parts = (name) => name.replace('.graphql', '').split('.').map(Number)
  const newest = releases.sort((one, other) => {
    const index = parts(one).findIndex((part, at) => part !== parts(other)[at])
    return index < 0 ? 0 : parts(one)[index] - parts(other)[index]
  }).at(-1)
  // Before the first release everything may change.
  if (!newest) return
  const { breaking, dangerous } = changes(read('docs/schema', newest), read('schema.graphql'))
  for (const change of dangerous) console.log(`     dangerous since ${newest}: ${change}`)
  const log = unreleased(read('CHANGELOG.md'))
  const untold = breaking.filter((change) => {
    const [name] = change.match(/\b[A-Z]\w*(\.\w+)?/g).filter((word) => !/^[A-Z_]+$/.test(word))
    return !log.includes(name)
  })
  assert.deepEqual(untold, [], `name these breaking changes since ${newest} in CHANGELOG.md`)
})
