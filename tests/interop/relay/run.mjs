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
import olderItems from './src/__generated__/threadItemsPaginationQuery.graphql.js'
import itemAgain from './src/__generated__/threadItemRefetchQuery.graphql.js'
import threadPage from './src/__generated__/threadPageQuery.graphql.js'
import send from './src/__generated__/threadSendMutation.graphql.js'
import startChat from './src/__generated__/threadStartMutation.graphql.js'
import threadItem from './src/__generated__/thread_item.graphql.js'
import threadItems from './src/__generated__/thread_items.graphql.js'

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

const commit = (environment, mutation, input) =>
  new Promise((onCompleted, onError) =>
    relay.commitMutation(environment, { mutation, variables: { input }, onCompleted, onError }),
  )
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

  const { followUser } = await commit(environment, follow, { userId: other.id })
  assert.equal(followUser.outcome, 'APPLIED')
  // The record is the same, without another request.
  assert.ok(!read(environment, person, root.node).relationship.availableActions.includes('FOLLOW'))
})

await check('a visitor pages through the whole thread, and its records do not overwrite each other', async () => {
  const { token: admin } = await signIn('ada')
  const { entryPoints } = await call('{ entryPoints(channel: WEBCHAT) { id fields { name kind required options } } }', {}, admin)
  const [{ id: entryPointId, fields }] = entryPoints
  const answer = ({ kind, options }) => (kind === 'EMAIL' ? 'kim@example.org' : (options?.[0] ?? 'Kim'))
  const visitor = open()
  const input = {
    entryPointId,
    fields: fields.filter(({ required }) => required).map((field) => ({ name: field.name, value: answer(field) })),
    message: { clientMessageId: '1', body: 'Message 1' },
  }
  const { startWebChat } = await commit(visitor, startChat, input)
  assert.deepEqual(startWebChat.userErrors, [])
  const { visitorToken, conversation } = startWebChat
  const environment = open(visitorToken)
  for (let n = 2; n <= 25; n++) {
    const input = { conversationId: conversation.id, clientMessageId: `${n}`, body: `Message ${n}` }
    const { sendMessage } = await commit(environment, send, input)
    assert.deepEqual([sendMessage.outcome, sendMessage.userErrors], ['APPLIED', []])
  }

  const root = await fetched(environment, threadPage, { id: conversation.id, count: 10 })
  assert.equal(root.viewer.actor.__typename, 'Customer')
  assert.ok(Date.parse(root.viewer.expiresAt) > Date.now())
  let { items } = read(environment, threadItems, root.conversation)
  assert.equal(items.edges.length, 10)
  while (items.pageInfo.hasPreviousPage) {
    const shown = items.edges.length
    await fetched(environment, olderItems, { id: conversation.id, count: 10, cursor: items.pageInfo.startCursor })
    items = read(environment, threadItems, root.conversation).items
    assert.ok(items.edges.length > shown)
  }
  const sequences = items.edges.map(({ node }) => node.sequence)
  assert.deepEqual(sequences, sequences.map((_, index) => index + 1))
  const shown = items.edges.map(({ node }) => read(environment, threadItem, node))
  const bodies = shown.filter(({ body }) => body?.startsWith('Message')).map(({ body }) => body)
  assert.deepEqual(bodies, Array.from({ length: 25 }, (_, index) => `Message ${index + 1}`))

  // The store has one record for each id. A record with the fields of two types would show two objects under one id.
  const records = Object.entries(environment.getStore().getSource().toJSON())
  const messages = records.filter(([, record]) => record.__typename === 'Message')
  assert.equal(messages.length, 25)
  for (const [id, record] of records.filter(([, record]) => record.id)) assert.equal(id, record.id)

  const last = items.edges.at(-1).node
  const again = await fetched(environment, itemAgain, { id: last.id })
  assert.equal(read(environment, threadItem, again.node).body, 'Message 25')
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
