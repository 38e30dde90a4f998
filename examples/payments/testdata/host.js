// A payment host made of iso_8583 (npm): node host.js HOST PORT. It wants a sign-on before anything else, answers in any
// order, and gives up on the first byte that it does not understand, as old hosts do.
const net = require('net')
const Message = require('iso_8583')
const [host, port] = process.argv.slice(2)

net.createServer((socket) => {
  let rest = Buffer.alloc(0), signedOn = false
  const send = (fields) => { if (!socket.destroyed) socket.write(new Message(fields).getBufferMessage()) }
  socket.on('error', () => {})
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data])
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const n = 2 + rest.readUInt16BE(0)
      const m = new Message().getIsoJSON(rest.subarray(0, n))
      rest = rest.subarray(n)
      if (m['0'] === '0800') {
        signedOn = signedOn || m['70'] === '001'
        send({ 0: '0810', 7: m['7'], 11: m['11'], 39: '00', 70: m['70'] })
        continue
      }
      if (!signedOn || m['0'] !== '0200' || !/^\d{12}$/.test(m['4']) || !m['41']) {
        console.log('the host breaks: ' + JSON.stringify(m))
        process.exit(2)
      }
      const { 2: pan, 42: shop, ...fields } = m
      const code = m['4'].slice(-2)
      setTimeout(() => send({ ...fields, 0: '0210', 39: code === '51' ? '51' : '00' }), Math.random() * 5)
    }
  })
}).listen(Number(port), host)
