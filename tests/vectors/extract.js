// Extracts the test vectors of the npm package `mqtt-packet` as plain facts, one tab-separated line each, to standard output.
//
//   npm install --no-save --prefix target/vectors mqtt-packet
//   node tests/vectors/extract.js target/vectors/node_modules/mqtt-packet > tests/vectors/mqtt_packet.tsv
//
// The package's test.js is run with its helpers (`testParseGenerate` and so on) replaced by recorders. Its few hand-written tests are
// run as they are, on a parser that records what it is fed and what it says. Nothing of its code goes into the output.
'use strict'

const fs = require('fs')
const path = require('path')
const { createRequire } = require('module')

const folder = path.resolve(process.argv[2] || '.')
const requireFromPackage = createRequire(path.join(folder, 'package.json'))
const library = requireFromPackage('./')
const { version } = requireFromPackage('./package.json')
const rows = []

/** From this many on, equal bytes in a row are written once, with their number. */
const RUN = 64

/** Writes bytes with `one`, and runs of one byte as `one(byte) + open + count + close`. */
function runs (buffer, one, open, close) {
  const parts = []
  for (let at = 0; at < buffer.length;) {
    let end = at + 1
    while (end < buffer.length && buffer[end] === buffer[at]) end++
    if (end - at < RUN) for (let i = at; i < end; i++) parts.push(one(buffer[at]))
    else parts.push(one(buffer[at]) + open + (end - at) + close)
    at = end
  }
  return parts.join('')
}

const hex = buffer => runs(buffer, byte => byte.toString(16).padStart(2, '0'), '*', ' ').trim()

/** Text or bytes in one word: printable ASCII as it is, anything else as %XX, a run as %XX{count}. */
function word (value) {
  const plain = byte => byte > 0x20 && byte < 0x7f && !'%{}=:'.includes(String.fromCharCode(byte))
  const one = byte => plain(byte) ? String.fromCharCode(byte) : '%' + byte.toString(16).padStart(2, '0')
  return runs(Buffer.from(value), one, '{', '}')
}

/** Flattens a packet object to `path=value` facts, in its own order. Absent values (null, undefined) are left out. */
function facts (value, at, out) {
  if (value === null || value === undefined) return out
  if (Buffer.isBuffer(value) || typeof value === 'string') out.push(`${at}=${word(value)}`)
  else if (Array.isArray(value)) value.forEach((item, i) => facts(item, typeof item === 'object' ? `${at}.${i}` : at, out))
  else if (typeof value !== 'object') out.push(`${at}=${value}`)
  else if (at.endsWith('.userProperties')) {
    for (const [name, texts] of Object.entries(value)) {
      for (const text of [].concat(texts)) out.push(`${at}=${word(name)}:${word(text)}`)
    }
  } else {
    for (const [name, inner] of Object.entries(value)) facts(inner, at ? `${at}.${name}` : name, out)
  }
  return out
}

const speaks = (object, opts) => (object && object.protocolVersion) || (opts && opts.protocolVersion) || 4

function row (kind, version, name, bytes, object) {
  rows.push([kind, version, name, bytes, facts(object, '', []).join(' ')].join('\t'))
}

/** The recorders that replace test.js's helpers. */
const record = {
  // Fields and bytes that stand for each other.
  same: (name, object, bytes, opts) => row('same', speaks(object, opts), name, hex(bytes), object),
  // Bytes that read as these fields; not necessarily how they would be written.
  read: (name, object, bytes, opts) => row('read', speaks(object, opts), name, hex(bytes), object),
  // Fields that are written as these bytes; those not named take the library's default.
  write: (name, object, bytes, opts) => row('write', speaks(object, opts), name, hex(bytes), object),
  // Bytes that must be refused.
  refuse: (label, bytes, opts) => row('refuse', speaks(null, opts), label, hex(bytes), null),
  // Fields that must not be written.
  unwritable: (label, object, opts) => row('unwritable', speaks(object, opts), label, '', object)
}

const helpers = `
function testParseGenerate (name, object, bytes, opts) { record.same(name, object, bytes, opts) }
function testGenerateOnly (name, object, bytes, opts) { record.write(name, object, bytes, opts) }
function testParseOnly (name, object, bytes, opts) { record.read(name, object, bytes, opts) }
function testParseError (label, bytes, opts) { record.refuse(label, bytes, opts) }
function testGenerateError (label, object, opts) { record.unwritable(label, object, opts) }
function testWriteToStreamError (label, object) { record.unwritable(label, object) }
`

/** Runs a hand-written test on a parser that keeps what it was fed (pieces, '|' between) and what came of it. */
function handWritten (name, body) {
  const pieces = []
  const said = []
  const parser = opts => {
    const inner = library.parser(opts)
    inner.on('packet', packet => said.push({ packet: { ...packet } }))
    inner.on('error', error => said.push({ refused: error.message }))
    const parse = inner.parse.bind(inner)
    inner.parse = bytes => {
      pieces.push(hex(bytes))
      return parse(bytes)
    }
    return inner
  }
  const nothing = () => {}
  recorded.parser = parser
  body(new Proxy({}, { get: () => nothing }))
  if (pieces.length > 0) row('stream', 4, name, pieces.join(' | '), { said })
}

const recorded = Object.assign(Object.create(null), library)
const provide = name => {
  if (name === 'tape') return handWritten
  if (name === './') return recorded
  if (name === 'readable-stream') return require('stream')
  return require(name)
}

// A function declared twice in one scope is the later one, for the calls before it too.
const source = fs.readFileSync(path.join(folder, 'test.js'), 'utf8') + helpers
// eslint-disable-next-line no-new-func
new Function('require', 'record', source)(provide, record)

console.log(`# Facts extracted by extract.js from the tests of the npm package mqtt-packet ${version} (MIT licence). Do not edit.`)
console.log('# kind\tversion\tname or error\tbytes (hex; XX*n: n times; |: fed in pieces)\tfields')
for (const line of [...new Set(rows)]) console.log(line)
