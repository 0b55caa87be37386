// Tests that the graphql-ws client works over one socket and follows a stream over cuts without a missed event.

import assert from 'node:assert/strict'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { INCOMING, REQUEST, check, cutAndResume, incoming, openLine, signUp, streamCursor } from './support.mjs'

const open = (line, token, options) =>
  createClient({
    url: line.webSocketUrl,
    webSocketImpl: WebSocket,
    connectionParams: token && { authorization: `Bearer ${token}` },
    retryAttempts: 0,
    ...options,
  })

/** Returns the only result of a query or a mutation. */
async function only(results) {
  const all = []
  for await (const result of results) all.push(result)
  assert.equal(all.length, 1)
  assert.equal(all[0].errors, undefined)
  return all[0].data
}

/** Runs `cutAndResume` with this client. */
const connect = (options) => (line, token) => {
  const client = open(line, token, options)
  return {
    close: () => client.dispose(),
    async *subscribe(after) {
      for await (const result of client.iterate({ query: INCOMING, variables: { after } })) yield incoming(result)
    },
  }
}

await check('query, mutation and subscription over one socket', async () => {
  const [recipient, requester, third] = await Promise.all(['Recipient', 'Requester', 'Third'].map(signUp))
  const line = await openLine()
  // The socket stays open while operations start and end.
  const one = open(line, recipient.token, { lazyCloseTimeout: 1_000 })
  try {
    const { viewer } = await only(one.iterate({ query: '{ viewer { user { id } } }' }))
    assert.equal(viewer.user.id, recipient.id)

    const after = await streamCursor(recipient.token)
    const events = one.iterate({ query: INCOMING, variables: { after } })
    assert.equal(incoming((await events.next()).value).__typename, 'SubscriptionStarted')
    // The viewer's outgoing requests cause no events in their own stream. Incoming requests do.
    const { requestConnection } = await only(one.iterate({ query: REQUEST, variables: { id: third.id } }))
    assert.equal(requestConnection.outcome, 'APPLIED')
    assert.equal(line.opened, 1)

    const other = open(line, requester.token)
    await only(other.iterate({ query: REQUEST, variables: { id: recipient.id } }))
    const event = incoming((await events.next()).value)
    assert.deepEqual([event.__typename, event.sequence], ['ConnectionRequestReceived', 1])
    await events.return()
    await other.dispose()
  } finally {
    await one.dispose()
    line.close()
  }
})

await check('a wrong operation is an error with a code, and the socket goes on', async () => {
  const line = await openLine()
  const client = open(line, undefined, { lazyCloseTimeout: 1_000 })
  try {
    const wrong = client.iterate({ query: '{ nothingOfThatName }' })
    await assert.rejects(wrong.next(), (errors) => typeof errors[0].extensions.code === 'string')
    const { __typename } = await only(client.iterate({ query: '{ __typename }' }))
    assert.equal(__typename, 'Query')
    assert.equal(line.opened, 1)
  } finally {
    await client.dispose()
    line.close()
  }
})

await check('a token that does not hold closes with 4403', async () => {
  const line = await openLine()
  const client = open(line, 'nonsense')
  await assert.rejects(client.iterate({ query: '{ __typename }' }).next(), (event) => event.code === 4403)
  line.close()
})

await check('five cuts, subscribing again after the last event: each event exactly once', () => cutAndResume(connect()))

// The client's own retries send the first variables again, so events repeat. The sequence numbers identify them.
const ownRetry = {
  retryAttempts: 100,
  retryWait: () => new Promise((done) => setTimeout(done, 10)),
  shouldRetry: () => true,
}
await check('five cuts, with its own retries and repeats dropped by number: each event exactly once', () =>
  cutAndResume(connect(ownRetry), { ownRetry: true }),
)
