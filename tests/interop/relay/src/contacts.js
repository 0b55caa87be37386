// The code of an app with Relay. relay-compiler writes ./__generated__ from it, and run.mjs executes that.

import { graphql } from 'relay-runtime'

export const page = graphql`
  query contactsPageQuery($count: Int!) {
    ...contacts_list @arguments(count: $count)
  }
`

export const list = graphql`
  fragment contacts_list on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
  @refetchable(queryName: "contactsListPaginationQuery") {
    contacts(first: $count, after: $cursor, list: ALL) @connection(key: "contacts_list_contacts") {
      totalCount
      edges {
        node {
          id
          sortHeading
          ...contacts_entry
        }
      }
    }
  }
`

export const entry = graphql`
  fragment contacts_entry on Contact {
    displayName
    ... on User {
      ...contacts_person @alias
    }
  }
`

// A fragment on a node is refetched by its id.
export const person = graphql`
  fragment contacts_person on User
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" })
  @refetchable(queryName: "contactsPersonRefetchQuery") {
    handle
    relationship {
      connection
      availableActions
      request {
        id
        status
        createdAt
      }
    }
    connections(first: $count, after: $cursor) @connection(key: "contacts_person_connections") {
      edges {
        node {
          displayName
        }
      }
    }
  }
`

export const follow = graphql`
  mutation contactsFollowMutation($input: FollowUserInput!) {
    followUser(input: $input) {
      outcome
      user {
        relationship {
          following
          availableActions
        }
      }
      userErrors {
        code
        field
        message
      }
    }
  }
`

export const incoming = graphql`
  subscription contactsIncomingSubscription($after: Cursor) {
    incomingRequests(after: $after) {
      __typename
      ... on Event {
        cursor
        occurredAt
      }
      ... on ConnectionRequestReceived {
        sequence
        request {
          status
          requester {
            displayName
          }
        }
      }
      ... on ConnectionRequestChanged {
        sequence
        request {
          status
        }
      }
      ... on ResyncRequired {
        reason
      }
    }
  }
`
