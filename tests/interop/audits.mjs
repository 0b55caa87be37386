// Tests that the server passes the audits of graphql-http for the GraphQL-over-HTTP specification.

import assert from 'node:assert/strict'
import { serverAudits } from 'graphql-http'
import { check, url } from './support.mjs'

const AUDITS = 61

let audits
await check(`there are ${AUDITS} audits`, () => {
  audits = serverAudits({ url, fetchFn: fetch })
  assert.equal(audits.length, AUDITS)
})

// Recommendations of the specification are required here too, so notices and warnings fail like errors.
let ok = 0
for (const audit of audits) {
  const result = await audit.fn()
  if (result.status === 'ok') {
    ok += 1
  } else {
    await check(`${audit.id} ${audit.name}`, () => assert.fail(`${result.status}: ${result.reason}`))
  }
}
await check(`${ok} of ${AUDITS} audits are ok`, () => assert.equal(ok, AUDITS))
