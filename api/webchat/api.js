// The documents that the page asks, and asking them over HTTP.

import { words } from './words.js';

/** How long an answer may take. */
const WITHIN = 25_000;

const LINKS = `fragment Links on Attachment {
  url(expiresInSeconds: 3600) thumbnailUrl(expiresInSeconds: 3600)
}`;

const ITEM = `fragment Item on ThreadItem {
  __typename id sequence createdAt
  ... on Message {
    body html status direction clientMessageId editedAt deletedAt author { __typename id displayName }
    attachments { id name byteSize width height ...Links }
  }
  ... on Announcement { text(locale: "${words.locale}") }
}
${LINKS}`;

const ITEMS = 'nodes { ...Item } pageInfo { hasPreviousPage startCursor }';

const STATE = `fragment State on Conversation {
  id status streamCursor
  task { id status position estimatedWaitSeconds }
  replyCapability {
    characterLimit
    attachments { maximumCount maximumBytes types { extension inbound maximumBytes } }
  }
  participants { id role leftAt readUpTo actor { __typename displayName } }
  items(last: 100) { ${ITEMS} }
}
${ITEM}`;

export const WEB_CHAT = `query WebChat($id: ID!) {
  webChat(entryPointId: $id) { name openNow characterLimit fields { name label kind required options } }
}`;

export const START = `mutation Start($input: StartWebChatInput!) {
  startWebChat(input: $input) { visitorToken conversation { ...State } userErrors { code field } }
}
${STATE}`;

export const CONVERSATION = `query Conversation($id: ID!) { conversation(id: $id) { ...State } }
${STATE}`;

export const EARLIER = `query Earlier($id: ID!, $before: String) {
  conversation(id: $id) { items(last: 100, before: $before) { ${ITEMS} } }
}
${ITEM}`;

export const TRANSCRIPT = `query Transcript($id: ID!) {
  conversation(id: $id) { transcript(locale: "${words.locale}") }
}`;

export const SEND = `mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) { message { ...Item } userErrors { code field } }
}
${ITEM}`;

export const CREATE_UPLOAD = `mutation CreateUpload($input: CreateAttachmentUploadInput!) {
  createAttachmentUpload(input: $input) { upload { url attachment { id } } userErrors { code } }
}`;

export const ATTACHMENT = `query Attachment($id: ID!) { node(id: $id) { ...Links } }
${LINKS}`;

export const READ =
  'mutation Read($input: MarkConversationReadInput!) { markConversationRead(input: $input) { outcome } }';

export const TYPING = 'mutation Typing($input: SetTypingInput!) { setTyping(input: $input) { outcome } }';

export const END = `mutation End($input: EndConversationInput!) {
  endConversation(input: $input) { userErrors { code } }
}`;

export const END_VISIT = 'mutation EndVisit { revokeVisitorToken { outcome } }';

export const EVENTS = `subscription Events($id: ID!, $after: Cursor) {
  event: conversationEvents(conversationId: $id, after: $after) {
    __typename
    ... on SubscriptionStarted { cursor }
    ... on ResyncRequired { cursor }
    ... on ItemAdded { cursor sequence item { ...Item } }
    ... on ItemChanged { cursor sequence item { ...Item } }
    ... on ReceiptAdvanced { cursor sequence fromSequence message { sequence } receipt { state participant { __typename } } }
    ... on ParticipantChanged { cursor sequence participant { id role leftAt actor { __typename displayName } } }
    ... on TaskChanged { cursor sequence task { id status position estimatedWaitSeconds } }
    ... on UnknownEvent { cursor sequence }
    ... on TypingIndicator { typing actor { id displayName } }
    ... on QueuePositionUpdate { position estimatedWaitSeconds }
  }
}
${ITEM}`;

/** The token is taken no more. */
export class TokenOver extends Error {}

/** Not answered, or asked to wait: the same call may be tried again, after `pause` milliseconds if it is given. */
export class TryAgain extends Error {
  constructor(why, pause) {
    super(why);
    this.pause = pause;
  }
}

/** Where GraphQL is: beside the page, also where a proxy has put both below a path. */
export const url = new URL('../graphql', location.href);

/** The address of a path of the server, below the same path as the page. */
export const fileUrl = (path) => new URL(`..${path}`, location.href).href;

/** Asks, and answers with the data. */
export async function ask(query, variables, token) {
  let response;
  let answer;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
      credentials: 'omit',
      cache: 'no-store',
      signal: AbortSignal.timeout(WITHIN),
    });
    answer = await response.json();
  } catch (error) {
    throw new TryAgain(String(error));
  }
  const error = answer.errors?.[0];
  if (!error) {
    return answer.data;
  }
  const { code, retryAfter } = error.extensions ?? {};
  if (code === 'UNAUTHENTICATED') {
    throw new TokenOver(error.message);
  }
  if (response.status >= 500 || ['RATE_LIMITED', 'UNAVAILABLE', 'TIMEOUT', 'INTERNAL'].includes(code)) {
    throw new TryAgain(error.message, retryAfter && retryAfter * 1_000);
  }
  throw new Error(error.message);
}

/** A pause before the next try: longer each time, and of chance, so that not all come back in one moment. */
export function backoff(tries, first = 500, longest = 30_000) {
  return Math.min(longest, first * 2 ** Math.min(tries, 10)) * (0.5 + Math.random() / 2);
}
