// Tests by compiling that the types from schema.graphql suit a strict TypeScript program. The program never runs.

import type { ResultOf, VariablesOf } from '@graphql-typed-document-node/core'
import { graphql, useFragment } from './generated'

const Person = graphql(`
  fragment Person on User {
    id
    displayName
    role
    relationship {
      connection
      availableActions
    }
  }
`)

export const Contacts = graphql(`
  query Contacts($first: Int, $after: String, $list: ContactList! = ALL) {
    contacts(first: $first, after: $after, list: $list) {
      totalCount
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        __typename
        displayName
        ...Person
      }
    }
  }
`)

export const Ask = graphql(`
  mutation Ask($input: RequestConnectionInput!) {
    requestConnection(input: $input) {
      outcome
      request {
        id
        createdAt
        decidedAt
      }
      userErrors {
        code
        field
        message
      }
    }
  }
`)

export const Incoming = graphql(`
  subscription Incoming($after: Cursor) {
    incomingRequests(after: $after) {
      __typename
      ... on SubscriptionStarted {
        cursor
      }
      ... on ConnectionRequestReceived {
        cursor
        sequence
        request {
          id
          message
        }
      }
      ... on ConnectionRequestChanged {
        cursor
        sequence
        request {
          id
          status
        }
      }
      ... on ResyncRequired {
        reason
      }
    }
  }
`)

export function names(data: ResultOf<typeof Contacts>): string[] {
  // @ts-expect-error a root field may be refused on its own
  data.contacts.nodes
  return (data.contacts?.nodes ?? []).map((contact) => {
    if (contact.__typename !== 'User') return contact.displayName
    const person = useFragment(Person, contact)
    // @ts-expect-error the viewer has no relationship to themselves
    person.relationship.connection
    return `${contact.displayName} ${person.role} ${person.relationship?.connection ?? 'me'}`
  })
}

export function next({ contacts }: ResultOf<typeof Contacts>): VariablesOf<typeof Contacts> | undefined {
  if (!contacts) return undefined
  const { hasNextPage, endCursor } = contacts.pageInfo
  return hasNextPage ? { first: 20, after: endCursor, list: 'CONNECTIONS' } : undefined
}

// @ts-expect-error there is no such list
export const wrong: VariablesOf<typeof Contacts> = { list: 'FRIENDS' }

// Optional fields of an input can be omitted.
export const ask: VariablesOf<typeof Ask> = { input: { userId: 'user_1' } }

// @ts-expect-error whom to ask is needed
export const nobody: VariablesOf<typeof Ask> = { input: { message: 'Lunch?' } }

export function asked({ requestConnection: asked }: ResultOf<typeof Ask>): string {
  if (!asked) return 'failed'
  const { request, userErrors } = asked
  const [refusal] = userErrors
  if (refusal) return `${refusal.code} ${refusal.field?.join('.') ?? ''} ${refusal.message}`
  // @ts-expect-error a refused call has no request
  request.id
  const createdAt: string | undefined = request?.createdAt
  return `${createdAt} ${request?.decidedAt ?? 'open'}`
}

/** The position up to which a stream has been followed. */
export function seen(state: { after?: string; last: number }, { incomingRequests: event }: ResultOf<typeof Incoming>) {
  switch (event.__typename) {
    case 'SubscriptionStarted':
      return { after: event.cursor, ...state }
    case 'ConnectionRequestReceived':
    case 'ConnectionRequestChanged':
      return event.sequence > state.last ? { after: event.cursor, last: event.sequence } : state
    case 'ResyncRequired':
      throw new Error(event.reason)
    default:
      // Ignores kinds of events that the schema may get later.
      return state
  }
}
