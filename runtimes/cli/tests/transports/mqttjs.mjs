// MQTT.js on a broker: mqttjs.mjs NODE_MODULES URL VERSION CA [CERTIFICATE KEY]. Exits with 0 if all went as it should.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import assert from 'node:assert/strict'

const [modules, url, version, ca, cert, key] = process.argv.slice(2)
const mqtt = createRequire(modules)('mqtt')
const five = version === '5'

setTimeout(() => { console.error('it takes too long'); process.exit(2) }, 20000).unref()
process.on('unhandledRejection', error => { console.error(error); process.exit(1) })

const options = id => ({
  clientId: id,
  protocolVersion: five ? 5 : 4,
  clean: true,
  reconnectPeriod: 0,
  ca: readFileSync(ca),
  ...(cert && { cert: readFileSync(cert), key: readFileSync(key) }),
})

/** Messages in the order in which they come. */
class Inbox {
  #messages = []
  #waiting = []
  constructor (client) {
    client.on('message', (topic, payload, packet) => {
      const message = { topic, payload, qos: packet.qos, retain: packet.retain, properties: packet.properties }
      const next = this.#waiting.shift()
      next ? next(message) : this.#messages.push(message)
    })
  }

  next () {
    const message = this.#messages.shift()
    return message ? Promise.resolve(message) : new Promise(resolve => this.#waiting.push(resolve))
  }
}

const sender = await mqtt.connectAsync(url, options('sender'))
const receiver = await mqtt.connectAsync(url, {
  ...options('receiver'),
  will: { topic: 'js/will', payload: Buffer.from('gone'), qos: 1 },
})
const inbox = new Inbox(receiver)
const granted = await receiver.subscribeAsync({ 'js/0': { qos: 0 }, 'js/1': { qos: 1 }, 'js/2': { qos: 2 } })
assert.deepEqual(granted.map(one => one.qos), [0, 1, 2])

// Every QoS, also without a payload, with one that needs several frames and records, and many at once.
for (const qos of [0, 1, 2]) {
  for (const payload of ['hello', '', 'x'.repeat(300000)]) {
    await sender.publishAsync(`js/${qos}`, payload, { qos })
    const got = await inbox.next()
    assert.equal(got.topic, `js/${qos}`)
    assert.equal(got.qos, qos)
    assert.ok(got.payload.equals(Buffer.from(payload)))
  }
  // MQTT.js does not heed the server's Receive Maximum (64), so not more at a time.
  const numbers = Array.from({ length: 60 }, (_, number) => number)
  await Promise.all(numbers.map(number => sender.publishAsync(`js/${qos}`, `${number}`, { qos })))
  for (const number of numbers) assert.equal((await inbox.next()).payload.toString(), `${number}`)
}

// Retained, wildcards and unsubscribing.
await sender.publishAsync('js/state', 'on', { qos: 1, retain: true })
await receiver.subscribeAsync('js/+', { qos: 1 })
const state = await inbox.next()
assert.deepEqual([state.topic, state.payload.toString(), state.retain], ['js/state', 'on', true])
await receiver.unsubscribeAsync(['js/0', 'js/1', 'js/2', 'js/+'])

if (five) {
  await receiver.subscribeAsync('js/five', { qos: 1 })
  const properties = { contentType: 'text/plain', responseTopic: 'js/answer', correlationData: Buffer.from([0, 255]), userProperties: { a: 'b' } }
  await sender.publishAsync('js/five', 'x', { qos: 1, properties })
  const got = (await inbox.next()).properties
  assert.equal(got.contentType, 'text/plain')
  assert.equal(got.responseTopic, 'js/answer')
  assert.ok(got.correlationData.equals(Buffer.from([0, 255])))
  assert.equal(got.userProperties.a, 'b')
}

// A client that vanishes leaves its will.
const witness = new Inbox(sender)
await sender.subscribeAsync('js/will', { qos: 1 })
receiver.stream.destroy()
assert.equal((await witness.next()).payload.toString(), 'gone')
await sender.endAsync()
receiver.end(true)
