// Saves five hundred contacts over GraphQL, downloads their cards in both versions, and writes them into a folder for
// check.mjs and check.py. Then another user imports the files, and nothing is lost.
//   people.mjs <folder>

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { call, check, signUp, url } from '../support.mjs'

const folder = process.argv[2]
const server = url.replace(/\/graphql$/, '')

// Words of many scripts, some of them with special characters of vCards.
const WORDS = `김철수 박 서울특별시 やまだ 太郎 カタカナ Zoë O'Brien "quoted" a,b c;d e\\f \\n 😀👩‍👩‍👧 x:y=z ^n Straße بسم END:VCARD
  =0D=0A %41 <b> &amp; #1`.split(/\s+/)
const LABELS = ['work', 'home', 'mobile', 'fax', 'pager', 'work fax', 'other', 'text', 'car', 'Zweit;TYPE=x', '내선, "1"']

// The people are the same in every run.
let state = 20_260_920
const below = (limit) => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((state / 2 ** 32) * limit)
}
const pick = (from) => from[below(from.length)]
const words = (most, between) => Array.from({ length: 1 + below(most) }, () => pick(WORDS)).join(between)
const maybe = (make) => (below(3) > 0 ? make() : null)
const some = (most, make) => Array.from({ length: below(most + 1) }, (_, at) => make(at))
const label = () => maybe(() => (below(9) ? pick(LABELS) : words(3, ' ').slice(0, 40).trim()))

function number() {
  const digits = 1_000_000 + below(8_999_999)
  return pick([`+82-10-${digits}`, `+82 10 ${digits}`, `02) ${digits}, ask; for \\ me`, `+1(555)${digits}`, `${digits}`])
}

function contact(at) {
  const split = at % 5 > 0
  const part = () => maybe(() => words(2, ' '))
  return {
    displayName: `${words(4, ' ')} ${at}`,
    familyName: split ? words(2, '  ') : null,
    givenName: split ? words(2, '; ') : null,
    additionalName: split ? part() : null,
    namePrefix: split ? part() : null,
    nameSuffix: split ? part() : null,
    title: part(),
    organization: part(),
    note: maybe(() => `${words(4, ' ')}\n${words(50, '\n')}`),
    emails: some(3, (each) => ({ address: `P${at}.${each}@example.com`, label: label(), preferred: each === 1 })),
    phones: some(4, (each) => ({
      number: number(),
      label: label(),
      extension: maybe(() => `${below(9_999)}`),
      preferred: each === 0,
    })),
    addresses: some(2, (each) => ({
      label: label(),
      street: maybe(() => `${words(4, ' ')}\n${words(3, '\n')}`),
      city: `${words(2, ' ')} ${each}`,
      region: part(),
      postalCode: maybe(() => `${below(99_999)}`),
      country: part(),
      preferred: each === 1,
    })),
    urls: some(2, (each) => ({ address: `https://example.com/${at}/${each}?q=${below(99)}%2C%3B#${below(99)}`, label: label() })),
  }
}

/** Returns the UUID of an id, which is in Crockford's base 32 after the underscore. */
function uuid(id) {
  const digits = [...id.slice(id.indexOf('_') + 1)].map((c) => BigInt('0123456789abcdefghjkmnpqrstvwxyz'.indexOf(c)))
  const hex = digits.reduce((all, digit) => all * 32n + digit, 0n).toString(16).padStart(32, '0')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Returns the input in the form that the checks use. */
function person(id, updatedAt, input) {
  return {
    uid: `urn:uuid:${uuid(id)}`,
    organizationCard: false,
    fullName: input.displayName,
    name: {
      family: input.familyName,
      given: input.givenName,
      additional: input.additionalName,
      prefix: input.namePrefix,
      suffix: input.nameSuffix,
    },
    nicknames: [],
    organization: input.organization,
    units: [],
    title: input.title,
    emails: input.emails,
    phones: input.phones,
    addresses: input.addresses,
    urls: input.urls,
    messengers: [],
    photoUrl: input.avatarUrl ?? null,
    birthday: null,
    locale: input.locale ?? null,
    timeZone: input.timeZone ?? null,
    categories: [],
    note: input.note ?? null,
    changedAt: updatedAt?.replace(/(\.\d+)?(Z|\+00:00)$/, 'Z'),
  }
}

const SAVE = `mutation($input: SavePersonalContactInput!) {
  savePersonalContact(input: $input) { contact { id updatedAt } userErrors { code message field } }
}`
const UPDATE = `mutation($input: UpdateProfileInput!) { updateProfile(input: $input) { userErrors { code message field } } }`

async function fetched(token, name, options = {}) {
  const headers = { authorization: `Bearer ${token}`, ...options.headers }
  const response = await fetch(`${server}${name}`, { ...options, headers })
  assert.equal(response.status, 200, await response.clone().text())
  return response
}

const owner = await signUp('Owner of a book')
const people = []

await check('five hundred contacts are put in over GraphQL', async () => {
  for (let at = 0; at < 500; at++) {
    const input = contact(at)
    const { savePersonalContact: saved } = await call(SAVE, { input }, owner.token)
    assert.deepEqual(saved.userErrors, [], JSON.stringify(input))
    people.push(person(saved.contact.id, saved.contact.updatedAt, input))
  }
})

const files = {}

await check('their cards are fetched in both versions, with one’s own', async () => {
  const { note, ...own } = contact(1_000)
  const more = { avatarUrl: 'https://example.com/photos/1.png', locale: 'ko', timeZone: '+09:00' }
  const { updateProfile } = await call(UPDATE, { input: { ...own, ...more } }, owner.token)
  assert.deepEqual(updateProfile.userErrors, [])
  for (const version of ['3.0', '4.0']) {
    const one = await fetched(owner.token, `/contacts/${owner.id}.vcf?version=${version}`)
    const list = await fetched(owner.token, `/contacts.vcf?list=PERSONAL&version=${version}`)
    assert.equal(list.headers.get('content-type'), 'text/vcard; charset=utf-8')
    files[version] = { own: await one.text(), list: await list.text() }
    fs.writeFileSync(path.join(folder, `${version}.vcf`), files[version].own + files[version].list)
  }
  // The cards are in the order of the list, not of the input. A user's card does not contain its change time.
  const order = [...files['3.0'].list.matchAll(/^UID:(.*)\r$/gm)].map(([, uid]) => uid)
  people.sort((one, other) => order.indexOf(one.uid) - order.indexOf(other.uid))
  people.unshift(person(owner.id, undefined, { ...own, ...more }))
  fs.writeFileSync(path.join(folder, 'people.json'), JSON.stringify(people))
})

await check('the files come in at another’s and go out again the same', async () => {
  for (const [version, { list }] of Object.entries(files)) {
    const other = await signUp('Reader of cards')
    for (const outcome of ['CREATED', 'UNCHANGED']) {
      const options = { method: 'POST', headers: { 'content-type': 'text/vcard' }, body: list }
      const { results } = await (await fetched(other.token, '/contacts.vcf', options)).json()
      assert.equal(results.length, 500)
      assert.ok(results.every((result) => result.outcome === outcome && result.message === null), version)
    }
    const again = await (await fetched(other.token, `/contacts.vcf?list=PERSONAL&version=${version}`)).text()
    const cards = (text) => text.replace(/^REV:.*\r\n/gm, '').split(/(?<=^END:VCARD\r\n)/m).sort()
    assert.deepEqual(cards(again), cards(list))
  }
})
