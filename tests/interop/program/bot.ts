// A bot with nothing but a key of the organization. It answers every message of a customer, and hands a conversation over
// when the customer asks for a person. It keeps its cursor in a file, so it goes on after a crash where it stopped.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

const [url, key, queueId, cursorFile] = process.argv.slice(2) as [string, string, string, string]

type LogEntry =
  | { __typename: 'SubscriptionStarted' | 'ResyncRequired'; cursor: string }
  | { __typename: 'TaskChanged'; cursor: string; task: { id: string; status: string; conversation: { id: string } | null } }
  | { __typename: 'ItemAdded'; cursor: string; conversationId: string; item: { id: string; direction?: string; body?: string } }

const EVENTS = /* GraphQL */ `
  subscription Events($after: Cursor) {
    event: events(after: $after, topics: [CONVERSATIONS]) {
      __typename
      ... on Event {
        cursor
      }
      ... on TaskChanged {
        task {
          id
          status
          conversation {
            id
          }
        }
      }
      ... on ItemAdded {
        conversationId
        item {
          id
          ... on Message {
            direction
            body
          }
        }
      }
    }
  }
`
const SEND = /* GraphQL */ `
  mutation Send($input: SendMessageInput!) {
    sendMessage(input: $input) {
      userErrors {
        code
      }
    }
  }
`
const ASSIGN = /* GraphQL */ `
  mutation Assign($input: AssignTaskInput!) {
    assignTask(input: $input) {
      outcome
      userErrors {
        code
        message
      }
    }
  }
`
const TASK = /* GraphQL */ `
  query Task($id: ID!) {
    conversation(id: $id) {
      task {
        id
      }
    }
  }
`

async function call<T>(query: string, variables: object): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = (await response.json()) as { data: T; errors?: unknown }
  if (errors) throw new Error(JSON.stringify(errors))
  return data
}

async function answer(conversationId: string, item: { id: string; body?: string }): Promise<void> {
  if (item.body?.includes('a person')) {
    const { conversation } = await call<{ conversation: { task: { id: string } } }>(TASK, { id: conversationId })
    const reason = `The customer wrote: ${item.body}`
    await call(ASSIGN, { input: { taskId: conversation.task.id, to: { queueId }, reason } })
  } else {
    // The item's id makes the answer the same one when the bot handles the item again.
    const input = { conversationId, clientMessageId: item.id, body: `You wrote: ${item.body}` }
    await call(SEND, { input })
  }
}

function save(cursor: string): void {
  // A crash leaves the old file or the new one.
  writeFileSync(`${cursorFile}.new`, cursor)
  renameSync(`${cursorFile}.new`, cursorFile)
}

const client = createClient({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${key}` },
  retryAttempts: 0,
})
const after = existsSync(cursorFile) ? readFileSync(cursorFile, 'utf8') : undefined
for await (const { data } of client.iterate<{ event: LogEntry }>({ query: EVENTS, variables: { after } })) {
  const event = data?.event
  if (!event) throw new Error('refused')
  if (event.__typename === 'ItemAdded' && event.item.direction === 'INBOUND') {
    await answer(event.conversationId, event.item)
  }
  save(event.cursor)
  if (event.__typename === 'SubscriptionStarted') console.log('started')
}
