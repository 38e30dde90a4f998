// A terminal made of iso_8583 (npm): node terminal.js HOST PORT TERMINAL COUNT. It pays COUNT times, four payments open at
// a time, and checks that each answer brings back its own nonce.
const net = require('net')
const Message = require('iso_8583')
const [host, port, terminal, count] = process.argv.slice(2)

const socket = net.connect(Number(port), host)
const open = new Map()
let sent = 0, answered = 0, declined = 0, rest = Buffer.alloc(0)

function fail(text) {
  console.log(terminal + ': ' + text)
  process.exit(1)
}

function pay() {
  const stan = String(++sent).padStart(6, '0')
  const nonce = terminal + '-' + stan + '-' + Math.random().toString(36).slice(2, 10)
  const amount = sent % 10 === 0 ? '000000001051' : '000000001000'
  open.set(stan, { nonce, amount })
  socket.write(new Message({
    0: '0200', 2: '4761739001010119', 3: '000000', 4: amount, 7: '1123104720', 11: stan, 12: '104720', 13: '1123',
    41: terminal, 42: 'FOR_TEST_000001', 48: '01' + String(nonce.length).padStart(3, '0') + nonce, 49: '404',
  }).getBufferMessage())
}

function answer(frame) {
  const m = new Message().getIsoJSON(frame)
  const q = open.get(m['11'])
  if (!q) fail('an answer to ' + m['11'] + ', which is not open')
  open.delete(m['11'])
  if (m['0'] !== '0210' || m['41'] !== terminal || !m['48'].endsWith(q.nonce)) fail('a foreign answer: ' + JSON.stringify(m))
  const want = q.amount.endsWith('51') ? '51' : '00'
  if (m['39'] !== want) fail('code ' + m['39'] + ', want ' + want)
  if (want !== '00') declined++
  answered++
  if (sent < Number(count)) pay()
  else if (open.size === 0) {
    console.log('answered ' + answered + ', declined ' + declined)
    socket.end()
  }
}

socket.on('connect', () => { for (let i = 0; i < 4 && sent < Number(count); i++) pay() })
socket.on('error', (e) => fail(e.message))
socket.on('close', () => { if (open.size > 0) fail(open.size + ' have no answer') })
socket.on('data', (data) => {
  rest = Buffer.concat([rest, data])
  while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
    const n = 2 + rest.readUInt16BE(0)
    answer(rest.subarray(0, n))
    rest = rest.subarray(n)
  }
})
setTimeout(() => fail('no end after 30 s: ' + open.size + ' open'), 30000).unref()
