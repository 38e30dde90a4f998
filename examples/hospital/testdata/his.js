// A hospital information system made of simple-hl7 (npm): node his.js HOST PORT. It takes two connections; what comes in one read is one
// message to it; it believes everything, gives its acknowledgements control ids that are not unique, and stops for good on the first thing
// that it does not understand.
const hl7 = require('simple-hl7')
const [host, port] = process.argv.slice(2)
const speaking = new Set() // the connections on which something came
const known = ['ADT^A01', 'ADT^A08', 'ADT^A03', 'ORU^R01']

function stop(why) {
  console.log('stopped: ' + why)
  process.exit(1)
}

hl7.Server.createTcpServer((err, req, res) => {
  if (err) stop(err.message)
  if (!speaking.has(res.socket)) res.socket.on('close', () => speaking.delete(res.socket))
  if (speaking.add(res.socket).size > 2) stop('a third connection')
  if (!known.includes(req.type + '^' + req.event)) stop('a message of a type that it has not heard of')
  if (req.msg.getSegments('PID').length !== 1 || req.raw.split('\x0b').length !== 2) stop('more than one message')
  const patient = req.msg.getSegment('PID')
  if (!patient.getComponent(3, 1) || !patient.getField(5)) stop('a patient without a number or a name')
  res.ack.getSegment('MSA').addField(patient.getField(5).split('^')) // which brings back what was asked
  res.end()
}).start({ host, port: Number(port) })
