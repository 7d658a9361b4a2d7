// A stand-in for the part of OCMT's management server that keeps unlocked vaults: in Redis and in its
// own memory, with the same answers to whatever stands under a key of Redis. It holds no vault.
//
// Its environment has REDIS_SOCKET, REDIS_PASSWORD and ADMIN_TOKEN. It prints its port, and ends when
// its standard input does. The user of a request is what follows "user " in the bearer. Routes beside the server's own: POST /test/unlock?token=T&user=U, with
// &first=1 for the first unlock of a process, which never reaches Redis.
import http from 'node:http'
import net from 'node:net'

const { REDIS_SOCKET: socketPath, REDIS_PASSWORD: password, ADMIN_TOKEN: adminToken } = process.env
const hour = 3600_000
const memory = new Map()

// redis sends a command and returns its answer. An error of the server is an Error.
const redis = (() => {
  const socket = net.connect(socketPath)
  const waiting = []
  let text = ''
  const lineAt = (from) => text.indexOf('\r\n', from)
  socket.setEncoding('latin1')
  socket.on('data', (more) => {
    text += more
    for (let end = lineAt(0); end >= 0; end = lineAt(0)) {
      const line = text.slice(1, end)
      let answer = line
      let length = end + 2
      if (text[0] === '$') {
        const size = Number(line)
        if (size >= 0 && text.length < length + size + 2) return
        answer = size < 0 ? null : text.slice(length, length + size)
        length += size < 0 ? 0 : size + 2
      }
      const failed = text[0] === '-'
      text = text.slice(length)
      const { resolve, reject } = waiting.shift()
      if (failed) reject(new Error(line))
      else resolve(answer)
    }
  })
  return (...parts) => new Promise((resolve, reject) => {
    waiting.push({ resolve, reject })
    socket.write(`*${parts.length}\r\n` + parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join(''))
  })
})()

const keyOf = (token) => `vault:session:${token}`

function fromMemory(token) {
  const vault = memory.get(token)
  return vault && vault.expiresAt > Date.now() ? vault : undefined
}

// find returns the vault of a token: what Redis has, or else what the memory has.
async function find(token) {
  let vault
  try {
    const text = await redis('GET', keyOf(token))
    vault = text === null ? null : JSON.parse(text)
  } catch {
    return fromMemory(token)
  }
  if (vault === null) return fromMemory(token)
  if (!(vault.expiresAt > Date.now())) {
    await redis('DEL', keyOf(token))
    return undefined
  }
  return vault
}

// extend reads the vault, and writes it again with a later end.
async function extend(token, user) {
  const before = await redis('GET', keyOf(token)).catch(() => 'another type')
  if (before === null) return false
  const vault = await find(token)
  if (!vault) return false
  const later = { ...vault, expiresAt: Date.now() + hour }
  if (memory.has(token) && vault.userId === user) memory.set(token, later)
  await redis('SET', keyOf(token), JSON.stringify(later), 'PX', String(hour)).catch(() => {})
  return vault.userId === user
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://server')
  const bearer = (request.headers.authorization ?? '').replace('Bearer ', '')
  const user = bearer.startsWith('user ') ? bearer.slice(5) : ''
  const token = request.headers['x-vault-session'] ?? ''
  const answer = (status) => response.writeHead(status).end('{}')
  try {
    switch (`${request.method} ${url.pathname}`) {
      case 'POST /test/unlock': {
        const vault = { userId: url.searchParams.get('user'), unlockedAt: Date.now(), expiresAt: Date.now() + hour, vaultKey: { type: 'Buffer', data: Array(32).fill(0) } }
        memory.set(url.searchParams.get('token'), vault)
        if (!url.searchParams.has('first')) await redis('SET', keyOf(url.searchParams.get('token')), JSON.stringify(vault), 'PX', String(hour))
        return answer(200)
      }
      case 'GET /api/vault/status':
      case 'GET /api/vault/data':
        return answer((await find(token))?.userId === user ? 200 : 401)
      case 'POST /api/vault/extend':
        return answer((await extend(token, user)) ? 200 : 401)
      case 'GET /api/internal/vault': // looks at memory alone
        return answer(fromMemory(token) ? 200 : 401)
      case 'POST /api/vault/lock':
        if (!user && bearer !== adminToken) return answer(401)
        memory.delete(token)
        await redis('DEL', keyOf(token))
        return answer(user ? 200 : 500)
      case 'GET /health':
        return answer(200)
      default:
        return answer(404)
    }
  } catch (error) {
    return answer(502)
  }
})
await redis('AUTH', password)
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit(0)).resume()
