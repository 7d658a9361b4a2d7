// A stand-in for the part of OCMT's management server that keeps values under ENCRYPTION_KEY. It reads its settings
// as the server does, with dotenv, once, at its start; it seals with the current key and opens with whatever key of its
// file a label names, and with no newer one.
//
// Its arguments are the folder of dotenv and the env file. It answers each line of its standard input with one line:
// "seal TEXT" with "ok CIPHERTEXT", "open CIPHERTEXT" with "ok TEXT", and whatever fails with "failed WHY". It ends
// when its standard input does.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const [dotenvFolder, envFile] = process.argv.slice(2)
const settings = {}
const loaded = createRequire(import.meta.url)(dotenvFolder).config({ path: envFile, processEnv: settings, quiet: true })
if (loaded.error) throw new Error('the env file cannot be read')

const current = Number(settings.ENCRYPTION_KEY_VERSION ?? 0)
const keys = new Map()
for (let version = 0; version < current; version++) {
  const text = settings[`ENCRYPTION_KEY_V${version}`]
  if (text) keys.set(version, Buffer.from(text, 'hex'))
}
keys.set(current, Buffer.from(settings.ENCRYPTION_KEY, 'hex'))

function seal(text) {
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-256-gcm', keys.get(current), iv)
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return `v${current}:${[iv, cipher.getAuthTag(), body].map((part) => part.toString('base64')).join(':')}`
}

function open(stored) {
  const [label, iv, tag, body] = stored.split(':')
  const key = keys.get(Number(label.slice(1)))
  if (!key) throw new Error(`there is no key of ${label}`)
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64'))
  decipher.setAuthTag(Buffer.from(tag, 'base64'))
  return Buffer.concat([decipher.update(Buffer.from(body, 'base64')), decipher.final()]).toString('utf8')
}

process.stdout.write(`ok ${current}\n`)
for await (const line of createInterface({ input: process.stdin })) {
  const at = line.indexOf(' ')
  const [command, text] = [line.slice(0, at), line.slice(at + 1)]
  try {
    process.stdout.write(`ok ${command === 'seal' ? seal(text) : open(text)}\n`)
  } catch (error) {
    process.stdout.write(`failed ${error.message}\n`)
  }
}
