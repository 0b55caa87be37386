// Tests that Apollo Client works with the server: HTTP and WebSocket, cache, errors, and cut connections.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { OperationTypeNode } from 'graphql'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { INCOMING, check, cutAndResume, happenings, incoming, iterate, openLine, signUp } from './support.mjs'

// Apollo's link needs the browser's WebSocket, which Node provides from version 22 on.
globalThis.WebSocket ??= WebSocket

function open(line, token) {
  const authorization = token && `Bearer ${token}`
  const socket = createClient({
    url: line.webSocketUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    retryAttempts: 0,
  })
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      new HttpLink({ uri: line.url, headers: authorization ? { authorization } : {} }),
    ),
  })
  return {
    client,
    close: () => (client.stop(), socket.dispose()),
    async *subscribe(after) {
      const results = client.subscribe({ query: gql(INCOMING), variables: { after } })
      const started = iterate((observer) => {
        const subscription = results.subscribe(observer)
        return () => subscription.unsubscribe()
      })
      for await (const result of started) yield incoming(result)
    },
  }
}

/** Runs a check with a client of a new user. */
async function withClient(run) {
  const [person, other] = await Promise.all([signUp('Apollo One'), signUp('Apollo Other')])
  const line = await openLine()
  const apollo = open(line, person.token)
  try {
    await run({ ...apollo, person, other })
  } finally {
    await apollo.close()
    line.close()
  }
}

await check('a query and a mutation meet in the cache by id', () =>
  withClient(async ({ client, other }) => {
    const query = gql`
      query Person($id: ID!) {
        user(id: $id) {
          id
          displayName
          relationship {
            connection
          }
        }
      }
    `
    const before = await client.query({ query, variables: { id: other.id } })
    assert.equal(before.data.user.relationship.connection, 'NONE')

    const mutation = gql`
      mutation Ask($id: ID!) {
        requestConnection(input: { userId: $id }) {
          outcome
          user {
            id
            relationship {
              connection
            }
          }
        }
      }
    `
    const asked = await client.mutate({ mutation, variables: { id: other.id } })
    assert.equal(asked.data.requestConnection.outcome, 'APPLIED')

    // The cache answers this query: the mutation's answer updated the cached person.
    const after = await client.query({ query, variables: { id: other.id }, fetchPolicy: 'cache-only' })
    assert.equal(after.data.user.relationship.connection, 'REQUEST_SENT')
    assert.ok(client.cache.extract()[`User:${other.id}`])
  }),
)

await check('an event of a subscription changes what a query has put into the cache', () =>
  withClient(async ({ client, subscribe, person, other }) => {
    const happen = happenings(other, person)
    await happen()
    const query = gql`
      {
        connectionRequests {
          streamCursor
          nodes {
            id
            status
          }
        }
      }
    `
    const { data } = await client.query({ query })
    const [request] = data.connectionRequests.nodes
    assert.equal(request.status, 'PENDING')

    const events = subscribe(data.connectionRequests.streamCursor)
    assert.equal((await events.next()).value.__typename, 'SubscriptionStarted')
    await happen()
    const { value: event } = await events.next()
    assert.equal(event.request.id, request.id)
    assert.equal(client.cache.extract()[`ConnectionRequest:${request.id}`].status, 'WITHDRAWN')
    await events.return()
  }),
)

await check('every error has a code, whatever its status', async () => {
  const person = await signUp('Apollo Errors')
  const line = await openLine()
  const code = async (token, query, variables) => {
    const { client, close } = open(line, token)
    try {
      await client.query({ query: gql(query), variables, fetchPolicy: 'no-cache' })
      assert.fail('no error')
    } catch (error) {
      // Any other error means that Apollo could not read the answer as GraphQL.
      if (!CombinedGraphQLErrors.is(error)) throw error
      return error.errors.map((one) => one.extensions?.code).join()
    } finally {
      await close()
    }
  }
  assert.equal(await code(undefined, '{ viewer { scopes } }'), 'UNAUTHENTICATED')
  assert.equal(await code('nonsense', '{ viewer { scopes } }'), 'UNAUTHENTICATED')
  assert.equal(await code(person.token, '{ user { id } }'), 'BAD_USER_INPUT')
  const contacts = 'query($first: Int) { contacts(first: $first) { totalCount } }'
  assert.equal(await code(person.token, contacts, { first: -1 }), 'BAD_USER_INPUT')
  assert.notEqual(await code(person.token, '{ nothingOfThatName }'), '')
  line.close()
})

await check('a client that sends hashes sends a document once and its hash from then on', async () => {
  const person = await signUp('Apollo Hashes')
  const line = await openLine()
  let texts = 0
  const counting = (uri, options) => {
    if (String(uri).includes('query=') || String(options.body ?? '').includes('"query"')) texts += 1
    return fetch(uri, options)
  }
  for (const useGETForHashedQueries of [false, true]) {
    const hashes = new PersistedQueryLink({
      sha256: (text) => createHash('sha256').update(text).digest('hex'),
      useGETForHashedQueries,
    })
    const headers = { authorization: `Bearer ${person.token}` }
    const http = new HttpLink({ uri: line.url, headers, fetch: counting })
    const client = new ApolloClient({ cache: new InMemoryCache(), link: ApolloLink.from([hashes, http]) })
    const query = gql`
      query OnceWithItsText {
        viewer {
          user {
            id
          }
        }
      }
    `
    for (const fetchPolicy of ['network-only', 'no-cache']) {
      const { data } = await client.query({ query, fetchPolicy })
      assert.ok(data.viewer.user.id)
    }
    assert.equal(texts, 1)
    client.stop()
  }
  line.close()
})

await check('an error of a subscription has a code', async () => {
  const line = await openLine()
  const { subscribe, close } = open(line)
  await assert.rejects(subscribe().next(), (error) => error.errors[0].extensions.code === 'UNAUTHENTICATED')
  await close()
  line.close()
})

await check('five cuts, subscribing again after the last event: each event exactly once', () => cutAndResume(open))

/** A client whose only link is HTTP: Apollo reads subscriptions from multipart responses. */
function openOverHttp(line, token) {
  const headers = { authorization: `Bearer ${token}` }
  const client = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: line.url, headers }) })
  return {
    close: () => client.stop(),
    async *subscribe(after) {
      const results = client.subscribe({ query: gql(INCOMING), variables: { after } })
      const started = iterate((observer) => {
        const subscription = results.subscribe(observer)
        return () => subscription.unsubscribe()
      })
      for await (const result of started) yield incoming(result)
    },
  }
}

await check('five cuts of multipart responses: each event exactly once', () => cutAndResume(openOverHttp))
