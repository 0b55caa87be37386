// The pairs of collation.tsv, which Rapport's own keys are tested with, against ICU as Node has it: the root order of the
// Unicode Collation Algorithm, first level. A pair that names a reason is one in which Rapport differs on purpose; ICU must
// say the opposite there, so that no reason outlives its difference.

import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const { compare } = new Intl.Collator('und', { sensitivity: 'base' })

const plain = text => text.replace(/\\u\{([0-9a-f]+)\}/g, (_, point) => String.fromCodePoint(parseInt(point, 16)))

/** Whether some run of characters of a name compares as equal to a word. */
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
