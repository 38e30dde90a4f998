// A laboratory made of node-hl7-client (npm): node lab.js HOST PORT SENDER COUNT. It sends COUNT admissions, one after another,
// of which each fifth has no patient's number, and then a batch of three, of which the second has none. It checks that what it
// hears is about what it has sent: by the control id, and where it is accepted by the name, which the information system gives back.
const { Client, Batch, Message } = require('node-hl7-client')
const [host, port, sender, count] = process.argv.slice(2)
const n = Number(count)
const heard = { accepted: 0, refused: 0 }
let sent = 0, open = []

function fail(text) {
  console.log(sender + ': ' + text)
  process.exit(1)
}

function admission(id, number) {
  const name = sender + '^' + Math.random().toString(36).slice(2, 10)
  open.push({ id: String(id), name, refused: number === '' })
  return new Message({ text: [
    'MSH|^~\\&|' + sender + '|NORTH|HIS|HOSP|20261123083000||ADT^A01^ADT_A01|' + id + '|P|2.5',
    'EVN|A01|20261123083000', 'PID|1||' + number + '||' + name + '||19700101|F', 'PV1|1|I|W1^101^A'].join('\r') })
}

function batch() {
  const b = new Batch()
  b.start()
  for (const number of ['4711', '', '4712']) b.add(admission(++sent, number))
  b.end()
  return b
}

function next() {
  if (sent < n) lab.sendMessage(admission(++sent, sent % 5 === 0 ? '' : '4711'))
  else if (sent === n) lab.sendMessage(batch())
  else {
    console.log('accepted ' + heard.accepted + ', refused ' + heard.refused)
    process.exit(0)
  }
}

// field returns field n of the first segment of that name, as it stands there.
function field(ack, name, n) {
  const segment = ack.toString().split('\r').find((s) => s.startsWith(name + '|'))
  return segment === undefined ? '' : segment.split('|')[n] || ''
}

function answer(ack) {
  const want = open.shift()
  const [code, id, text] = [1, 2, 3].map((n) => field(ack, 'MSA', n))
  if (!want || id !== want.id) fail('an acknowledgement of ' + id + ', want ' + (want && want.id))
  if (code !== (want.refused ? 'AE' : 'AA')) fail('message ' + id + ' hears ' + code)
  if (!want.refused && text !== want.name) fail('message ' + id + ' hears of somebody else: ' + text)
  if (want.refused && field(ack, 'ERR', 2) !== 'PID^1^3^1^1') fail('message ' + id + ' hears of ' + field(ack, 'ERR', 2))
  heard[want.refused ? 'refused' : 'accepted']++
  if (open.length === 0) next()
}

const client = new Client({ host, version: '2.5' })
const lab = client.createConnection({ port: Number(port) }, (res) => {
  try {
    answer(res.getMessage())
  } catch (e) {
    fail(e.stack)
  }
})
lab.on('client.error', (e) => fail(String(e)))
lab.on('data.error', (e) => fail(String(e)))
lab.once('connect', next)
setTimeout(() => fail('no end after 30 s: ' + open.length + ' open'), 30000).unref()
