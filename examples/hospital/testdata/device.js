// A device made of simple-hl7 (npm): node device.js HOST PORT SENDER COUNT. It reports COUNT results over one connection, each
// when the one before it is acknowledged, and checks that what it hears is about its own.
const hl7 = require('simple-hl7')
const [host, port, sender, count] = process.argv.slice(2)
const client = hl7.Server.createTcpClient({ host, port: Number(port), keepalive: true })

function fail(text) {
  console.log(sender + ': ' + text)
  process.exit(1)
}

function report(n) {
  if (n > Number(count)) {
    console.log('accepted ' + count)
    process.exit(0)
  }
  const name = sender + '^' + Math.random().toString(36).slice(2, 10)
  const m = new hl7.Message(sender, 'NORTH', 'HIS', 'HOSP', '20261123083000', '', ['ORU', 'R01'], String(n), 'P', '2.3')
  m.addSegment('PID', '1', '', '4711', '', name.split('^'))
  m.addSegment('OBR', '1', '', '', ['HR', 'Heart rate', 'L'])
  m.addSegment('OBX', '1', 'NM', ['HR', 'Heart rate', 'L'], '', '72')
  client.send(m, (err, ack) => {
    if (err) fail(err.message)
    const msa = ack.getSegment('MSA')
    if (msa.getField(1) !== 'AA' || msa.getField(2) !== String(n) || msa.getField(3) !== name) {
      fail('message ' + n + ' hears ' + msa.fields.map((_, i) => msa.getField(i + 1)).join('|'))
    }
    setImmediate(report, n + 1) // only when this returns the client takes it as answered
  })
}

report(1)
setTimeout(() => fail('no end after 30 s'), 30000).unref()
