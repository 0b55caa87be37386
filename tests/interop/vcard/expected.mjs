// The expected properties of a person's card, and a strict reader by RFC 6350 and RFC 6868, independent of the library.

const PLACES = ['work', 'home']
const LINES = { mobile: 'cell', fax: 'fax', pager: 'pager', video: 'video', text: 'text', textphone: 'textphone' }

/** Returns the types of a label. None when the label has its own line. */
export function typesOf(label, property) {
  const line = (word) => (property === 'TEL' ? LINES[word] : undefined)
  const [first, second, third] = label.split(' ')
  if (third !== undefined) return
  if (second !== undefined) return PLACES.includes(first) && line(second) ? [first, line(second)] : undefined
  if (PLACES.includes(first)) return [first]
  return line(first) && [line(first)]
}

/** Returns the properties of a person in 4.0 by name, each with its value, types, preference and label. */
export function expected(person) {
  const properties = new Map()
  const add = (name, value, { label, preferred = false, voice = false, ...parameters } = {}) => {
    const known = label ? typesOf(label, name) : []
    const types = [...(known ?? [])]
    if (voice && types.every((type) => PLACES.includes(type))) types.push('voice')
    const own = label && !known ? label : undefined
    properties.set(name, [...(properties.get(name) ?? []), { value, types, preferred, label: own, parameters }])
  }
  const text = (name, value, more) => value && add(name, value, more)
  const { name, birthday } = person
  add('PRODID', '-//Rapport//Rapport 1.0//EN')
  text('UID', person.uid)
  add('KIND', person.organizationCard ? 'org' : 'individual')
  text('REV', person.changedAt?.replace(/[-:]/g, ''))
  const parts = [name.family, name.given, name.additional, name.prefix, name.suffix].map((part) => part ?? '')
  if (parts.some(Boolean)) add('N', parts)
  add('FN', person.fullName)
  if (person.nicknames.length) add('NICKNAME', person.nicknames)
  if (person.organization || person.units.length) add('ORG', [person.organization ?? '', ...person.units])
  text('TITLE', person.title)
  for (const { address, ...more } of person.emails) add('EMAIL', address, more)
  for (const { number, extension, ...more } of person.phones) {
    const digits = number.replace(/\D/g, '').length
    const uri = /^\+\d[-\d.()]*$/.test(number) && digits >= 3 && digits <= 15
    const value = uri ? `tel:${number}${extension ? `;ext=${extension}` : ''}` : `${number}${extension ? ` x${extension}` : ''}`
    add('TEL', value, { voice: true, VALUE: uri ? 'uri' : 'text', ...more })
  }
  for (const { street, city, region, postalCode, country, ...more } of person.addresses) {
    const town = [city, region, postalCode].filter((part) => part != null).join(' ')
    const LABEL = [street, town, country].filter(Boolean).join('\n')
    add('ADR', ['', '', ...[street, city, region, postalCode, country].map((part) => part ?? '')], { LABEL, ...more })
  }
  for (const { address, ...more } of person.urls) add('URL', address, more)
  for (const { uri, ...more } of person.messengers) add('IMPP', uri, more)
  text('PHOTO', person.photoUrl, { MEDIATYPE: 'image/png' })
  if (birthday) {
    const two = (number) => String(number).padStart(2, '0')
    add('BDAY', `${birthday.year ?? '--'}${two(birthday.month)}${two(birthday.day)}`)
  }
  text('LANG', person.locale, { preferred: true })
  const offset = /^[+-]/.test(person.timeZone ?? '')
  if (offset) add('TZ', person.timeZone.replace(':', ''), { VALUE: 'utc-offset' })
  else text('TZ', person.timeZone)
  if (person.categories.length) add('CATEGORIES', person.categories)
  text('NOTE', person.note)
  return properties
}

const STRUCTURED = { N: ';', ADR: ';', ORG: ';', NICKNAME: ',', CATEGORIES: ',' }
const URIS = ['UID', 'URL', 'IMPP', 'PHOTO']

/** Returns the lines of a card, read strictly: group, name, parameters (each a list) and value. */
export function read(card) {
  return card
    .replace(/\r\n[ \t]/g, '')
    .split('\r\n')
    .filter(Boolean)
    .map((line) => {
      const [, group, name, rest] = /^(?:([A-Za-z0-9-]+)\.)?([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*))*):/
        .exec(line)
        .map((part) => part ?? '')
      const parameters = {}
      for (const [, key, value] of rest.matchAll(/;([A-Za-z0-9-]+)=("[^"]*"|[^";:,]*)/g)) {
        const plain = value.replace(/^"|"$/g, '').replace(/\^([n'^])/g, (_, c) => ({ n: '\n', "'": '"', '^': '^' })[c])
        parameters[key] = [...(parameters[key] ?? []), plain]
      }
      const raw = line.slice(line.indexOf(rest + ':', group.length + name.length) + rest.length + 1)
      const uri = URIS.includes(name) || parameters.VALUE?.[0] === 'uri'
      return { group, name, parameters, raw, value: uri ? raw : values(raw, STRUCTURED[name]) }
    })
}

/** Returns a text value, split at its separators if it has any, with its escapes resolved from left to right. */
function values(raw, separator) {
  const parts = ['']
  for (let at = 0; at < raw.length; at++) {
    if (raw[at] === '\\') {
      at += 1
      parts[parts.length - 1] += raw[at] === 'n' ? '\n' : raw[at]
    } else if (raw[at] === separator) parts.push('')
    else if (raw[at] === ',' || raw[at] === ';') parts[parts.length - 1] += separator ? `unescaped ${raw[at]}` : raw[at]
    else parts[parts.length - 1] += raw[at]
  }
  return separator ? parts : parts[0]
}
