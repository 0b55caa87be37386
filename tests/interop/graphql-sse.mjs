// Tests that the graphql-sse client works with a connection for each operation, also over cut connections.

import assert from 'node:assert/strict'
import { createClient } from 'graphql-sse'
import { INCOMING, REQUEST, check, cutAndResume, incoming, signUp, url } from './support.mjs'

const open = (address, token, options) =>
  createClient({
    url: address,
    singleConnection: false,
    headers: token ? { authorization: `Bearer ${token}` } : {},
    retryAttempts: 0,
    ...options,
  })

async function only(results) {
  const all = []
  for await (const result of results) all.push(result)
  assert.equal(all.length, 1)
  return all[0]
}

const connect = (options) => (line, token) => {
  const client = open(line.url, token, options)
  return {
    close: () => client.dispose(),
    async *subscribe(after) {
      for await (const result of client.iterate({ query: INCOMING, variables: { after } })) yield incoming(result)
    },
  }
}

await check('a query and a mutation are a stream of one result', async () => {
  const [one, other] = await Promise.all([signUp('Sse One'), signUp('Sse Other')])
  const client = open(url, one.token)
  const { data } = await only(client.iterate({ query: '{ viewer { user { id } } }' }))
  assert.equal(data.viewer.user.id, one.id)
  const asked = await only(client.iterate({ query: REQUEST, variables: { id: other.id } }))
  assert.equal(asked.data.requestConnection.outcome, 'APPLIED')
  client.dispose()
})

await check('without a token a subscription is an error with a code', async () => {
  const client = open(url)
  const { errors } = await only(client.iterate({ query: INCOMING }))
  assert.equal(errors[0].extensions.code, 'UNAUTHENTICATED')
  client.dispose()
})

await check('five cuts, subscribing again after the last event: each event exactly once', () => cutAndResume(connect()))

// The client's own retries send the first variables again, so events repeat. The sequence numbers identify them.
const ownRetry = { retryAttempts: 100, retry: () => new Promise((done) => setTimeout(done, 10)) }
await check('five cuts, with its own retries and repeats dropped by number: each event exactly once', () =>
  cutAndResume(connect(ownRetry), { ownRetry: true }),
)
