// Tests that urql works with the server: queries by POST and GET, subscriptions by WebSocket and by fetch, and cut
// connections.

import assert from 'node:assert/strict'
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core'
import { createClient } from 'graphql-ws'
import { onEnd, pipe, subscribe as consume } from 'wonka'
import WebSocket from 'ws'
import { INCOMING, REQUEST, check, cutAndResume, incoming, iterate, openLine, signUp } from './support.mjs'

/** Sends subscriptions over a socket, or by fetch as server-sent events. */
const open = (transport) => (line, token) => {
  const authorization = `Bearer ${token}`
  const socket = createClient({
    url: line.webSocketUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    retryAttempts: 0,
  })
  const overSocket = subscriptionExchange({
    forwardSubscription: ({ query, variables }) => ({
      subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
    }),
  })
  const client = new Client({
    url: line.url,
    exchanges: transport === 'socket' ? [cacheExchange, fetchExchange, overSocket] : [cacheExchange, fetchExchange],
    fetchSubscriptions: transport === 'fetch',
    preferGetMethod: false,
    fetchOptions: { headers: { authorization } },
  })
  return {
    client,
    close: () => socket.dispose(),
    async *subscribe(after) {
      const results = iterate(({ next, complete }) =>
        pipe(client.subscription(INCOMING, { after }), onEnd(complete), consume(next)).unsubscribe,
      )
      for await (const result of results) yield incoming(result)
    },
  }
}

await check('a query by POST and by GET, and a mutation that makes the query run again', async () => {
  const [person, other] = await Promise.all([signUp('Urql One'), signUp('Urql Other')])
  const line = await openLine()
  const { client, close } = open('fetch')(line, person.token)
  const query = 'query($id: ID!) { user(id: $id) { id relationship { connection } } }'
  const stands = async (options) => {
    const { data, error } = await client.query(query, { id: other.id }, options)
    assert.equal(error, undefined)
    return data.user.relationship.connection
  }
  assert.equal(await stands(), 'NONE')
  const { data } = await client.mutation(REQUEST, { id: other.id })
  assert.equal(data.requestConnection.outcome, 'APPLIED')
  assert.equal(await stands({ preferGetMethod: 'force', requestPolicy: 'network-only' }), 'REQUEST_SENT')
  await close()
  line.close()
})

await check('an error has a code', async () => {
  const person = await signUp('Urql Errors')
  const line = await openLine()
  const { client, close } = open('fetch')(line, person.token)
  const { error } = await client.query('{ user { id } }', {})
  assert.equal(error.graphQLErrors[0].extensions.code, 'BAD_USER_INPUT')
  await close()
  line.close()
})

for (const transport of ['socket', 'fetch']) {
  await check(`five cuts by ${transport}, subscribing again after the last event: each event exactly once`, () =>
    cutAndResume(open(transport)),
  )
}
