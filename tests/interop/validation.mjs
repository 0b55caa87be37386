// Tests that the server and graphql-js agree on which requests may run, over HTTP and over WebSocket.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import {
  GraphQLError,
  buildSchema,
  getOperationAST,
  parse,
  validate,
  version,
} from 'graphql'
import { getVariableValues } from 'graphql/execution/values.js'
import WebSocket from 'ws'
import { check, signIn, url } from './support.mjs'
import { corpus } from './validation/corpus.mjs'

const LEAST = 150

/** Intended differences of the server: the document, its variables where they matter, and the reason. */
const DIFFERENT = new Map([
  [
    'query($a: Boolean = true) { __typename @include(if: $a) } {"a":null}',
    'graphql-js answers with an error of the execution and `data: null`; here the request is refused. Neither runs.',
  ],
  [
    'subscription { incomingRequests @skip(if: false) { __typename } }',
    'Since September 2025 the root of a subscription has no conditions (5.2.4.1); graphql-js 16 allows them.',
  ],
  [
    'mutation($a: ID) { transferTask(input: { taskId: "x", to: { agentId: $a } }) { userErrors { code } } }',
    'Since September 2025 a variable in a one-of input object is non-null (5.8.5); graphql-js 16 does not check it.',
  ],
])

const schema = buildSchema(readFileSync('relay/schema.graphql', 'utf8'))

// The schema's scalar with a format. Date checks that the day exists, because it accepts only this format.
const TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/
const text = (form) => (value) => {
  if (typeof value === 'string' && (!form || (form.test(value) && isDay(value)))) return value
  throw new GraphQLError('not of this scalar')
}
const isDay = (value) => new Date(`${value.slice(0, 10)}T00:00:00Z`).toJSON()?.startsWith(value.slice(0, 10))
for (const [name, form] of [['DateTime', TIME], ['Cursor']]) {
  const scalar = schema.getType(name)
  scalar.parseValue = text(form)
  scalar.parseLiteral = (literal) => scalar.parseValue(literal.kind === 'StringValue' ? literal.value : undefined)
}

/** Returns the reason why graphql-js does not run a request, or nothing. */
function refusal(query, variables, operationName) {
  let document
  try {
    document = parse(query)
  } catch (error) {
    return error.message
  }
  const [invalid] = validate(schema, document)
  if (invalid) return invalid.message
  const operation = getOperationAST(document, operationName)
  if (!operation) return 'no such operation'
  return getVariableValues(schema, operation.variableDefinitions ?? [], variables ?? {}).errors?.[0].message
}

const { token } = await signIn('ada')

/** Returns the server's reason not to run a request, or nothing. A result with `data` did run. */
async function overHttp(query, variables, operationName) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      // Only a subscription is answered as a stream.
      accept: 'application/graphql-response+json, text/event-stream',
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({ query, variables, operationName }),
  })
  if (response.headers.get('content-type').startsWith('text/event-stream')) {
    const reader = response.body.getReader()
    let event = ''
    while (!event.includes('\n\n')) {
      const { value, done } = await reader.read()
      assert.ok(!done, 'a stream begins with an event')
      event += new TextDecoder().decode(value)
    }
    await reader.cancel()
    return reason(JSON.parse(event.match(/^data: ?(.*)$/m)[1]))
  }
  return reason(await response.json())
}

const reason = (answer) => ('data' in answer ? undefined : JSON.stringify(answer.errors))

const socket = new WebSocket(url.replace(/^http/, 'ws'), 'graphql-transport-ws')
const waiting = new Map()
socket.on('message', (message) => {
  const { type, id, payload } = JSON.parse(message)
  if (type === 'connection_ack') waiting.get('ack')()
  if (type === 'next') waiting.get(id)?.(reason(payload))
  if (type === 'error') waiting.get(id)?.(JSON.stringify(payload))
})
await new Promise((opened) => socket.once('open', opened))
const acknowledged = new Promise((resolve) => waiting.set('ack', resolve))
socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }))
await acknowledged

let number = 0
async function overWebSocket(query, variables, operationName) {
  const id = `${(number += 1)}`
  const answered = new Promise((resolve) => waiting.set(id, resolve))
  socket.send(JSON.stringify({ type: 'subscribe', id, payload: { query, variables, operationName } }))
  const answer = await answered
  socket.send(JSON.stringify({ type: 'complete', id }))
  waiting.delete(id)
  return answer
}

let [all, refused] = [0, 0]
for (const [section, requests] of Object.entries(corpus)) {
  const wrong = []
  for (const [query, variables, operationName] of requests) {
    all += 1
    const right = refusal(query, variables, operationName)
    refused += right ? 1 : 0
    for (const [door, ask] of [['HTTP', overHttp], ['WebSocket', overWebSocket]]) {
      const answer = await ask(query, variables, operationName)
      const agree = !answer === !right
      if (agree === (DIFFERENT.has(query) || DIFFERENT.has(`${query} ${JSON.stringify(variables)}`))) {
        wrong.push(`${door} ${query} ${JSON.stringify(variables)}: graphql-js: ${right}; server: ${answer}`)
      }
    }
  }
  await check(`${section}: ${requests.length} requests`, () => assert.deepEqual(wrong, []))
}
socket.close()
await check(`graphql ${version} and the server agree on ${all} requests, ${refused} of them refused`, () =>
  assert.ok(all - DIFFERENT.size >= LEAST),
)
