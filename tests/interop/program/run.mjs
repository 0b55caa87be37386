// Tests a bot that has nothing but a key of the organization. It is killed again and again and answers every message of
// the customer exactly once.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { call, check, signIn, url } from '../support.mjs'

const folder = mkdtempSync(path.join(tmpdir(), 'bot-'))
const cursorFile = path.join(folder, 'cursor')

/** Starts the bot. Resolves when it follows the log. */
async function start(key, queueId) {
  const bot = spawn(process.execPath, ['out/bot.js', url, key, queueId, cursorFile], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((done, failed) => {
    bot.stdout.once('data', done)
    bot.once('exit', (code) => failed(new Error(`the bot ended with ${code}`)))
  })
  bot.removeAllListeners('exit')
  return bot
}

const kill = (bot) =>
  new Promise((done) => {
    bot.once('exit', done)
    bot.kill('SIGKILL')
  })

const THREAD = /* GraphQL */ `
  query Thread($id: ID!) {
    conversation(id: $id) {
      task {
        queue {
          id
        }
      }
      participants {
        role
        leftAt
      }
      items(last: 100) {
        nodes {
          ... on Message {
            direction
            body
          }
          ... on Note {
            note: body
          }
        }
      }
    }
  }
`

/** Reads the thread until `wanted` holds. */
async function until(id, token, wanted) {
  for (let round = 0; round < 300; round += 1) {
    const { conversation } = await call(THREAD, { id }, token)
    if (wanted(conversation)) return conversation
    await sleep(100)
  }
  throw new Error('in vain')
}

await check('a bot hears of a chat, answers, is killed and goes on, and hands over with a reason', async () => {
  const ada = await signIn('ada')
  const { createApiKey } = await call(
    `mutation { createApiKey(input: { name: "Bot", kind: ORGANIZATION,
      scopes: [EVENTS_READ, CONVERSATIONS_READ, CONVERSATIONS_WRITE] }) { secret userErrors { code } } }`,
    {},
    ada.token,
  )
  const { createQueue } = await call(
    `mutation { createQueue(input: { name: "People ${Date.now()}", channel: WEBCHAT }) { queue { id } userErrors { code } } }`,
    {},
    ada.token,
  )
  const queueId = createQueue.queue.id
  const { entryPoints } = await call('{ entryPoints(channel: WEBCHAT) { id } }', {}, ada.token)
  let bot = await start(createApiKey.secret, queueId)
  const first = { clientMessageId: '0', body: 'message 0' }
  const fields = [{ name: 'name', value: 'Carla' }]
  const { startWebChat } = await call(
    `mutation($input: StartWebChatInput!) { startWebChat(input: $input) { visitorToken conversation { id } userErrors { code message } } }`,
    { input: { entryPointId: entryPoints[0].id, message: first, fields } },
  )
  assert.deepEqual(startWebChat.userErrors, [])
  const [id, visitor] = [startWebChat.conversation.id, startWebChat.visitorToken]
  const send = (number, body) =>
    call(
      'mutation($input: SendMessageInput!) { sendMessage(input: $input) { userErrors { code } } }',
      { input: { conversationId: id, clientMessageId: String(number), body } },
      visitor,
    )
  const answers = (thread) => thread.items.nodes.filter((node) => node.body?.startsWith('You wrote: '))
  for (let number = 1; number <= 20; number += 1) {
    await send(number, `message ${number}`)
    // Killed while messages arrive, wherever it is.
    if (number % 4 === 0) {
      await kill(bot)
      await send(`${number}b`, `message ${number}b`)
      bot = await start(createApiKey.secret, queueId)
    }
  }
  const thread = await until(id, visitor, (thread) => answers(thread).length >= 26)
  const asked = thread.items.nodes.filter((node) => node.body?.startsWith('message ')).map((node) => node.body)
  assert.equal(asked.length, 26)
  const answered = answers(thread).map((node) => node.body.slice('You wrote: '.length))
  assert.deepEqual(answered, asked, 'each message is answered once, in order')
  await send('person', 'May I talk to a person?')
  const handed = await until(id, ada.token, (thread) => thread.task.queue?.id === queueId)
  const bots = handed.participants.filter((participant) => participant.role === 'BOT')
  assert.equal(bots.length, 1)
  assert.notEqual(bots[0].leftAt, null)
  assert.ok(handed.items.nodes.some((node) => node.note === 'The customer wrote: May I talk to a person?'))
  await kill(bot)
})
