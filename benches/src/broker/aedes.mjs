// Starts the broker aedes, which is a library: node aedes.mjs MODULE PORT
import { createServer } from 'node:net'

const [module, port] = process.argv.slice(2)
const { Aedes } = await import(module)
const broker = await Aedes.createBroker()
createServer({ noDelay: true }, broker.handle).listen(Number(port), '127.0.0.1')
