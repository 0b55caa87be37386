// Tests that the output of relay-compiler for schema.graphql runs: pages, a refetch, a mutation and a subscription.

import assert from 'node:assert/strict'
import { createClient } from 'graphql-ws'
import relay from 'relay-runtime'
import WebSocket from 'ws'
import { call, check, happenings, iterate, signIn, signUp, streamCursor, url } from '../support.mjs'
import follow from './src/__generated__/contactsFollowMutation.graphql.js'
import incoming from './src/__generated__/contactsIncomingSubscription.graphql.js'
import nextPage from './src/__generated__/contactsListPaginationQuery.graphql.js'
import page from './src/__generated__/contactsPageQuery.graphql.js'
import refetch from './src/__generated__/contactsPersonRefetchQuery.graphql.js'
import list from './src/__generated__/contacts_list.graphql.js'
import person from './src/__generated__/contacts_person.graphql.js'

const { Environment, Network, Observable, RecordSource, Store } = relay

function open(token) {
  const socket = createClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
  })
  return new Environment({
    store: new Store(new RecordSource()),
    network: Network.create(
      async ({ text }, variables) => ({ data: await call(text, variables, token) }),
      ({ text }, variables) => Observable.create((sink) => socket.subscribe({ query: text, variables }, sink)),
    ),
  })
}

const fetched = (environment, query, variables) => relay.fetchQuery(environment, query, variables).toPromise()
/** Reads a fragment from the store, for the object that spreads it. */
const read = (environment, fragment, parent) =>
  environment.lookup(relay.getSingularSelector(fragment, parent)).data

await check('pages of contacts grow into one connection', async () => {
  const { token } = await signIn('jane')
  const environment = open(token)
  const root = await fetched(environment, page, { count: 2 })
  let { contacts } = read(environment, list, root)
  assert.equal(contacts.edges.length, 2)
  for (let pages = 1; pages < 3; pages++) {
    assert.ok(contacts.pageInfo.hasNextPage)
    await fetched(environment, nextPage, { count: 2, cursor: contacts.pageInfo.endCursor })
    contacts = read(environment, list, root).contacts
  }
  const { nodes } = (await call('{ contacts(first: 6) { nodes { id } } }', {}, token)).contacts
  assert.deepEqual(
    contacts.edges.map(({ node }) => node.id),
    nodes.map(({ id }) => id),
  )
})

await check('a fragment is fetched again by id, and sees what a mutation did', async () => {
  const [one, other] = await Promise.all([signUp('Relay One'), signUp('Relay Other')])
  const environment = open(one.token)
  const root = await fetched(environment, refetch, { id: other.id })
  const { handle, relationship } = read(environment, person, root.node)
  assert.equal(handle, other.handle)
  assert.ok(relationship.availableActions.includes('FOLLOW'))

  await new Promise((onCompleted, onError) =>
    relay.commitMutation(environment, {
      mutation: follow,
      variables: { input: { userId: other.id } },
      onCompleted: ({ followUser }) => onCompleted(assert.equal(followUser.outcome, 'APPLIED')),
      onError,
    }),
  )
  // The record is the same, without another request.
  assert.ok(!read(environment, person, root.node).relationship.availableActions.includes('FOLLOW'))
})

await check('a subscription delivers', async () => {
  const [recipient, requester] = await Promise.all([signUp('Relay Recipient'), signUp('Relay Requester')])
  const after = await streamCursor(recipient.token)
  await happenings(requester, recipient)()
  const results = iterate(({ next, error, complete }) => {
    const subscription = relay.requestSubscription(open(recipient.token), {
      subscription: incoming,
      variables: { after },
      onNext: next,
      onError: error,
      onCompleted: complete,
    })
    return () => subscription.dispose()
  })
  assert.equal((await results.next()).value.incomingRequests.__typename, 'SubscriptionStarted')
  const { incomingRequests } = (await results.next()).value
  assert.equal(incomingRequests.sequence, 1)
  assert.equal(incomingRequests.request.requester.displayName, 'Relay Requester')
  await results.return()
})
