// The thread of a web chat as a visitor's page shows it, newest messages first loaded and older ones on request. A Relay
// page loads them by the id of the conversation, so it needs `node` for visitors.

import { graphql } from 'relay-runtime'

export const start = graphql`
  mutation threadStartMutation($input: StartWebChatInput!) {
    startWebChat(input: $input) {
      visitorToken
      conversation {
        id
      }
      userErrors {
        code
        message
      }
    }
  }
`

export const page = graphql`
  query threadPageQuery($id: ID!, $count: Int!) {
    viewer {
      actor {
        __typename
        id
        displayName
      }
      expiresAt
    }
    conversation(id: $id) {
      ...thread_items @arguments(count: $count)
    }
  }
`

export const items = graphql`
  fragment thread_items on Conversation
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" })
  @refetchable(queryName: "threadItemsPaginationQuery") {
    status
    items(last: $count, before: $cursor) @connection(key: "thread_items_items") {
      edges {
        node {
          __typename
          id
          sequence
          ...thread_item
        }
      }
    }
  }
`

// A fragment on the interface is fetched again by the id of an item.
export const item = graphql`
  fragment thread_item on ThreadItem @refetchable(queryName: "threadItemRefetchQuery") {
    sequence
    createdAt
    ... on Message {
      body
      direction
      author {
        __typename
        id
        displayName
      }
    }
  }
`

export const send = graphql`
  mutation threadSendMutation($input: SendMessageInput!) {
    sendMessage(input: $input) {
      outcome
      message {
        id
        sequence
        body
      }
      userErrors {
        code
        message
      }
    }
  }
`
