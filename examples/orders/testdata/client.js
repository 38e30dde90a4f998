// An ordinary client on vscode-jsonrpc: two requests that are right and one that is not.
const net = require('net');
const rpc = require('vscode-jsonrpc/node');

const [host, port] = process.argv[2].split(':');
const socket = net.connect(Number(port), host);
const connection = rpc.createMessageConnection(
  new rpc.StreamMessageReader(socket), new rpc.StreamMessageWriter(socket));
connection.listen();

async function main() {
  console.log(JSON.stringify(await connection.sendRequest('order.status', { order: 'A-17' })));
  try {
    await connection.sendRequest('order.place', { order: 'A-18', item: '', quantity: 0, amount: 1 });
    console.log('not refused');
  } catch (error) {
    console.log([error.code, ...error.data.reasons.map((reason) => reason.path).sort()].join(' '));
  }
  console.log(JSON.stringify(await connection.sendRequest('echo', 1, 2)));
  connection.dispose();
  socket.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
