// Shared parts of the suites: new users, events on a stream, a TCP line that can be cut, and the code to follow a
// stream.

import assert from 'node:assert/strict'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const url = process.env.RAPPORT_URL
const suite = process.env.RAPPORT_SUITE ?? path.basename(process.argv[1], '.mjs')

// A suite that hangs has failed too.
setTimeout(() => {
  console.log(`FAIL ${suite}: did not end in time`)
  process.exit(1)
}, 90_000).unref()

/** Runs one check and prints its line. */
export async function check(what, run) {
  try {
    await run()
    console.log(`ok   ${suite}: ${what}`)
  } catch (error) {
    process.exitCode = 1
    console.log(`FAIL ${suite}: ${what}: ${error?.stack ?? JSON.stringify(error)}`)
  }
}

/** Calls the API by plain fetch, so that users and events do not depend on the client under test. */
export async function call(query, variables, token) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = await response.json()
  if (errors) throw new Error(`${response.status}: ${JSON.stringify(errors)}`)
  return data
}

const ACCOUNT = 'accessToken user { id handle } userErrors { code message }'

const account = ({ accessToken, user, userErrors }) => {
  assert.deepEqual(userErrors, [])
  return { token: accessToken, id: user.id, handle: user.handle }
}

/** Signs in as one of the demo users. */
export async function signIn(handle) {
  const query = `mutation($input: SignInInput!) { signIn(input: $input) { ${ACCOUNT} } }`
  return account((await call(query, { input: { handle, password: 'rapport' } })).signIn)
}

/** Creates a new user. Nobody else writes to their stream, so its sequence numbers begin with 1. */
export async function signUp(displayName) {
  const handle = `interop-${crypto.randomUUID().slice(0, 18)}`
  const query = `mutation($input: SignUpInput!) { signUp(input: $input) { ${ACCOUNT} } }`
  return account((await call(query, { input: { handle, displayName, password: 'interoperable' } })).signUp)
}

export const REQUEST = /* GraphQL */ `
  mutation Request($id: ID!, $message: String) {
    requestConnection(input: { userId: $id, message: $message }) {
      outcome
      request {
        id
        status
        message
      }
      userErrors {
        code
        message
      }
    }
  }
`

const WITHDRAW = /* GraphQL */ `
  mutation Withdraw($id: ID!) {
    withdrawConnectionRequest(input: { requestId: $id }) {
      outcome
    }
  }
`

export const INCOMING = /* GraphQL */ `
  subscription Incoming($after: Cursor) {
    incomingRequests(after: $after) {
      __typename
      ... on SubscriptionStarted {
        cursor
      }
      ... on ConnectionRequestReceived {
        id
        cursor
        sequence
        request {
          id
          status
        }
      }
      ... on ConnectionRequestChanged {
        id
        cursor
        sequence
        request {
          id
          status
        }
      }
      ... on ResyncRequired {
        cursor
        reason
      }
    }
  }
`

/** Returns the event in a result of `INCOMING`, from any client. */
export function incoming({ data, errors, error }) {
  if (error) throw error
  if (errors?.length) throw new Error(JSON.stringify(errors))
  return data.incomingRequests
}

/** A requester who sends and withdraws requests in turns. Each call adds one event to the recipient's stream. */
export function happenings(requester, recipient) {
  let pending
  return async () => {
    if (pending) {
      const { withdrawConnectionRequest } = await call(WITHDRAW, { id: pending }, requester.token)
      assert.equal(withdrawConnectionRequest.outcome, 'APPLIED')
      pending = undefined
    } else {
      const { requestConnection } = await call(REQUEST, { id: recipient.id }, requester.token)
      assert.equal(requestConnection.outcome, 'APPLIED')
      pending = requestConnection.request.id
    }
  }
}

/** Returns the current cursor of the recipient's stream. */
export async function streamCursor(token) {
  return (await call('{ connectionRequests { streamCursor } }', {}, token)).connectionRequests.streamCursor
}

/** Returns a whole number from `least` to `most`. */
const random = (least, most) => least + Math.floor(Math.random() * (most - least + 1))

/** A TCP line to the server that can be cut in the middle of the server's data, and stays dead until it is mended. */
export async function openLine() {
  const { hostname, port } = new URL(url)
  const connections = new Set()
  const line = { opened: 0, up: true, cutting: false }

  const server = net.createServer((near) => {
    if (!line.up) return near.resetAndDestroy()
    line.opened += 1
    const far = net.connect(port, hostname)
    const end = () => {
      connections.delete(end)
      far.destroy()
      // A client sees a reset and a plain end as different errors. Neither closes the protocol.
      random(0, 1) ? near.resetAndDestroy() : near.destroy()
    }
    connections.add(end)
    near.on('data', (chunk) => far.write(chunk))
    far.on('data', (chunk) => {
      if (!line.cutting) return near.write(chunk)
      line.cutting = false
      line.up = false
      // A part of the chunk still arrives: half a frame, or half an event.
      near.write(chunk.subarray(0, random(0, chunk.length - 1)), () => connections.forEach((cut) => cut()))
    })
    for (const socket of [near, far]) socket.on('error', end).on('close', end)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))

  const address = `127.0.0.1:${server.address().port}${new URL(url).pathname}`
  return Object.assign(line, {
    url: `http://${address}`,
    webSocketUrl: `ws://${address}`,
    /** Cuts the line within the server's next data. */
    cut: () => (line.cutting = true),
    mend: () => (line.up = true),
    close: () => {
      connections.forEach((cut) => cut())
      server.close()
    },
  })
}

/** Turns an observer into an async iterable. Yields the results before an error, and then throws it. */
export async function* iterate(subscribe) {
  const values = []
  let wake = () => {}
  let end
  const stop = subscribe({
    next: (value) => wake(values.push(value)),
    error: (error) => wake((end = { error })),
    complete: () => wake((end = {})),
  })
  try {
    for (;;) {
      while (values.length) yield values.shift()
      if (end?.error) throw end.error
      if (end) return
      await new Promise((woken) => (wake = woken))
    }
  } finally {
    stop()
  }
}

/**
 * The code of an app that misses nothing. Yields each event once, in order, over any number of breaks. It subscribes
 * again after its last event and drops repeated events by number.
 *
 * `subscribe` takes a cursor and returns an async iterable of events. `onBreak` is called at each end, with the error
 * if there was one. It throws to give up.
 */
export async function* follow(subscribe, after, onBreak = () => {}) {
  let last = 0
  for (;;) {
    let [resync, broke] = []
    try {
      for await (const event of subscribe(after)) {
        if (event.__typename === 'ResyncRequired') {
          resync = event
          break
        }
        // The start of a subscription matters only until there is an event to resume after.
        if (event.__typename === 'SubscriptionStarted') after ??= event.cursor
        else if (event.sequence > last) {
          last = event.sequence
          after = event.cursor
          yield event
        }
      }
    } catch (error) {
      broke = error
    }
    if (resync) throw new Error(`the state has to be read again: ${resync.reason}`)
    onBreak(broke)
    await sleep(random(5, 50))
  }
}

/**
 * Follows a stream over a line that is cut again and again while events happen. Checks that each event arrives exactly
 * once and in order. `connect` takes a line and a token and returns `{ subscribe, close }`, with `subscribe` as for
 * `follow`.
 *
 * With `ownRetry` the client may subscribe again with its first variables, so the server repeats events. Without it,
 * the server must not send any event twice.
 */
export async function cutAndResume(connect, { cuts = 5, ownRetry = false } = {}) {
  const [recipient, requester] = await Promise.all([signUp('Interop Recipient'), signUp('Interop Requester')])
  const line = await openLine()
  const client = connect(line, recipient.token)
  const happen = happenings(requester, recipient)
  const received = []
  let [made, delivered, wanted] = [0, 0, Infinity]
  let broke
  const some = async (least, most) => {
    for (let left = random(least, most); left > 0; left--) await happen().then(() => (made += 1))
  }

  async function* watched(after) {
    let started = false
    for await (const event of client.subscribe(after)) {
      started ||= event.__typename === 'SubscriptionStarted'
      assert.ok(started, 'a subscription begins with SubscriptionStarted')
      if (event.sequence !== undefined) delivered += 1
      yield event
    }
  }
  // The cursor is read before any event happens. Otherwise the stream could correctly omit early events.
  const after = await streamCursor(recipient.token)
  const onBreak = (error) => {
    broke = error ?? broke
    if (wanted === 0) throw new Error('given up')
  }
  const following = (async () => {
    for await (const event of follow(watched, after, onBreak)) {
      received.push(event)
      if (received.length >= wanted) return
    }
  })()
  // Errors are collected at the end. Until then a failure shows only as missing events.
  following.catch((error) => (broke = error))

  const until = async (reached, what) => {
    for (const deadline = Date.now() + 15_000; !reached(); await sleep(5)) {
      if (Date.now() < deadline) continue
      const numbers = received.map((event) => event.sequence).join()
      throw new Error(`${what}: ${made} events made, received ${numbers}; last break: ${broke?.stack ?? broke?.reason}`)
    }
  }

  try {
    for (let n = 0; n < cuts; n++) {
      await some(1, 4)
      // Only a running stream can be cut.
      await until(() => received.length === made, 'the stream did not catch up')
      line.cut()
      await some(1, 1)
      await until(() => !line.up, 'the line was not cut')
      await some(0, 4)
      line.mend()
      // There is no pause here: these events happen while the client reconnects, so replayed events meet live ones.
      await some(0, 4)
    }
    await until(() => received.length === made, 'the stream did not catch up')
    wanted = made + 1
    await some(1, 1)
    await until(() => received.length === made, 'the stream did not go on')
    await following
  } finally {
    wanted = 0
    line.close()
    await client.close()
  }

  assert.deepEqual(
    received.map((event) => event.sequence),
    Array.from({ length: made }, (_, index) => index + 1),
  )
  assert.ok(line.opened > cuts, `${cuts} cuts need more than ${line.opened} connections`)
  if (!ownRetry) assert.equal(delivered, made, 'nothing comes twice after the cursor of the last event')

  // The pulled log must contain the same events. Pulling repeats, because an event may arrive live before the log is
  // sequenced.
  const log = `query($after: Cursor) {
    events(first: 20, after: $after) {
      endCursor
      hasMore
      nodes { ... on ConnectionRequestReceived { id } ... on ConnectionRequestChanged { id } }
    }
  }`
  const pulled = []
  let page
  for (const deadline = Date.now() + 5_000; pulled.length < received.length && Date.now() < deadline; ) {
    if (page && !page.hasMore) await sleep(20)
    page = (await call(log, { after: page?.endCursor }, recipient.token)).events
    // The log also has other kinds of events, such as notifications.
    pulled.push(...page.nodes.flatMap((event) => event.id ?? []))
  }
  assert.deepEqual(
    pulled,
    received.map((event) => event.id),
  )
}
