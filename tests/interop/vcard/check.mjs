// Reads cards in 4.0 with vcard4 and compares every property of every person with the input.
//   check.mjs <folder with people.json and 4.0.vcf>
// Each value is read twice: by the library, and strictly by the RFC (expected.mjs). The strict reading must always be
// right. The library's reading may differ only where the library is known to violate the RFC. The number of differences
// is printed and has a limit.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { parse } from 'vcard4'
import { expected, read } from './expected.mjs'

const folder = process.argv[2]
const people = JSON.parse(fs.readFileSync(path.join(folder, 'people.json'), 'utf8'))
const text = fs.readFileSync(path.join(folder, '4.0.vcf'), 'utf8')

// The violations of the RFC by vcard4 4.0.5, each with a test for raw values that cause it.
const FAULTS = {
  'it takes quotes inside a value for quoting': (raw) => raw.includes('"'),
  'it resolves \\n before \\\\': (raw) => raw.includes('\\\\'),
  'it neither cuts nor unescapes what could be a URL': (raw) => URL.canParse(raw) && /[\\,;]/.test(raw),
  'it loses what ends with an escaped separator': (raw) => /\\[,;]([,;]|$)/.test(raw),
}
const MOST_EXCUSED = 0.1

const counts = { values: 0, excused: 0, labels: 0, faults: {} }

const cards = text.split(/(?<=^END:VCARD\r\n)/m)
assert.equal(cards.length, people.length, 'a card for each person')
people.forEach((person, index) => {
  try {
    compare(person, cards[index])
  } catch (error) {
    error.message = `${person.uid}: ${error.message}\n${cards[index]}`
    throw error
  }
})
assert.ok(counts.excused / counts.values < MOST_EXCUSED, 'the library reads most values itself')
console.log(`ok   vcard4: ${people.length} people, ${counts.values} values; ${counts.excused} only by the letter of the RFC`)
for (const [fault, count] of Object.entries(counts.faults)) console.log(`     ${count} where ${fault}`)
console.log(`     ${counts.labels} delivery labels with separators, which make it throw, were kept from it`)

function compare(person, card) {
  assert.ok(
    card.split('\r\n').every((line) => Buffer.byteLength(line) <= 75),
    'no line is longer than 75 octets',
  )
  const lines = read(card)
  assert.deepEqual(
    lines.slice(0, 2).map(({ name, value }) => `${name}:${value}`),
    ['BEGIN:VCARD', 'VERSION:4.0'],
  )
  const library = parse(withoutLabels(card)).parsedVcard
  const wanted = expected(person)
  const found = lines.filter(({ name }) => !['BEGIN', 'VERSION', 'END', 'X-ABLabel'].includes(name))
  assert.deepEqual(new Set(found.map(({ name }) => name)), new Set(wanted.keys()))
  for (const [name, values] of wanted) {
    const byLetter = found.filter((line) => line.name === name)
    const byLibrary = library.filter(({ property }) => property === name)
    assert.equal(byLetter.length, values.length, name)
    assert.equal(byLibrary.length, values.length, name)
    values.forEach((value, at) => property(name, value, byLetter[at], byLibrary[at], lines, library))
  }
}

function property(name, wanted, byLetter, byLibrary, lines, library) {
  const { TYPE = [], PREF, ...parameters } = byLetter.parameters
  assert.deepEqual(byLetter.value, wanted.value, name)
  assert.deepEqual(TYPE, wanted.types, `types of ${name}`)
  assert.equal(PREF?.[0], wanted.preferred ? '1' : undefined, `preference of ${name}`)
  assert.deepEqual(Object.fromEntries(Object.entries(parameters).map(([key, [value]]) => [key, value])), wanted.parameters)
  // The library keeps only the last of repeated types.
  assert.equal(byLibrary.parameters.TYPE, wanted.types.at(-1))
  assert.equal(byLibrary.parameters.PREF, PREF?.[0])
  assert.equal(byLibrary.parameters.VALUE, wanted.parameters.VALUE)
  same(name, plain(byLibrary.value, wanted.value), wanted.value, byLetter.raw)
  const { LABEL } = wanted.parameters
  // The library treats quotes and backslashes of parameters like those of values.
  if (byLibrary.parameters.LABEL !== undefined) same('LABEL', byLibrary.parameters.LABEL, LABEL, LABEL.replaceAll('\\', '\\\\'))
  assert.equal(Boolean(byLetter.group), wanted.label !== undefined, `a label for ${name}`)
  if (wanted.label !== undefined) {
    const line = lines.find((line) => line.name === 'X-ABLabel' && line.group === byLetter.group)
    assert.equal(line?.value, wanted.label)
    const read = library.find((line) => line.property === 'X-ABLABEL' && line.group === byLibrary.group)
    same('X-ABLabel', read?.value, wanted.label, line.raw)
  }
}

function same(name, read, wanted, raw) {
  counts.values += 1
  try {
    assert.deepEqual(read, wanted, name)
  } catch (error) {
    const fault = Object.keys(FAULTS).find((fault) => FAULTS[fault](raw))
    if (!fault) throw error
    counts.excused += 1
    counts.faults[fault] = (counts.faults[fault] ?? 0) + 1
  }
}

/** The library returns the parts of structured values by name, and a list with one item as a text. */
function plain(read, wanted) {
  if (!Array.isArray(wanted)) return read
  if (Array.isArray(read)) return read
  return typeof read === 'object' ? Object.values(read).map((part) => part ?? '') : [read]
}

/** A label with commas and semicolons is legal inside its quotes, but the library throws an error. */
function withoutLabels(card) {
  return card.replace(/\r\n[ \t]/g, '').replace(/;LABEL="([^"]*)"/g, (whole, label) => {
    if (!/[,;]/.test(label)) return whole
    counts.labels += 1
    return ''
  })
}
