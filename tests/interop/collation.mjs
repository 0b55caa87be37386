// Compares the pairs of collation.tsv with ICU in Node: the root order of the Unicode Collation Algorithm, first level.
// The tests of Rapport's own keys use the same pairs. A pair with a reason differs from ICU on purpose. ICU must give
// the opposite result there, so that an outdated reason fails.

import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const { compare } = new Intl.Collator('und', { sensitivity: 'base' })

const plain = text => text.replace(/\\u\{([0-9a-f]+)\}/g, (_, point) => String.fromCodePoint(parseInt(point, 16)))

/** Returns true when some part of a name compares as equal to a word. */
function contains(name, word) {
  const ends = [0]
  for (const character of name) ends.push(ends.at(-1) + character.length)
  return ends.some(from => ends.some(to => from < to && compare(name.slice(from, to), word) === 0))
}

const found = (name, search) => search.split(' ').every(word => contains(name, word))
const verdicts = {
  equal: (one, other) => compare(one, other) === 0,
  tied: (one, other) => compare(one, other) === 0,
  less: (one, other) => compare(one, other) < 0,
  found,
  absent: (name, search) => !found(name, search),
}

let pairs = 0
let wrong = 0
const scripts = new Set()
for (const line of fs.readFileSync(path.join(here, 'collation.tsv'), 'utf8').split('\n')) {
  if (!line || line.startsWith('#')) continue
  const [script, relation, one, other, reason] = line.split('\t')
  const right = verdicts[relation]?.(plain(one), plain(other))
  pairs += 1
  scripts.add(script)
  if (right === !reason) continue
  wrong += 1
  console.log(`FAIL collation: ${script}: ICU ${reason ? 'has no such difference' : 'says otherwise'}: ${relation} ${one} ${other}`)
}
if (wrong) process.exitCode = 1
else console.log(`ok   collation: ${pairs} pairs in ${scripts.size} scripts are as ICU ${process.versions.icu} has them`)
