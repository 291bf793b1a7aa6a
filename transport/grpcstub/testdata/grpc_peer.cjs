// A program of @grpc/grpc-js that knows nothing of polywire: grpc_peer.cjs PROTO client ADDRESS | server.
//
// It tells what it saw in lines of JSON, as grpc_peer.py does.
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { version } = require('@grpc/grpc-js/package.json');

const [proto, mode, address] = process.argv.slice(2);
const definition = loader.loadSync(proto, { keepCase: true, longs: Number, defaults: true });
const { Accounts } = grpc.loadPackageDefinition(definition).acme.accounts.v1;
const say = (value) => console.log(JSON.stringify(value));

const pairs = (metadata) => {
  const out = {};
  for (const key of ['h-a', 'h-a-bin', 't-b', 't-b-bin']) {
    for (const v of metadata.get(key)) out[key] = Buffer.isBuffer(v) ? v.toString('hex') : v;
  }
  return out;
};

const after = (ms) => ({ deadline: Date.now() + ms });

// One call and all that it brings.
const call = (stub, method, request, metadata = new grpc.Metadata(), ms = 20000) => new Promise((resolve) => {
  const got = { code: 0, text: '' };
  const c = stub[method](request, metadata, after(ms), (err, reply) => {
    if (err) Object.assign(got, { code: err.code, text: err.details });
    got.reply = reply;
  });
  c.on('metadata', (m) => { got.header = pairs(m); });
  c.on('status', (s) => { got.trailer = pairs(s.metadata); setImmediate(resolve, got); });
  if (ms === 0) setTimeout(() => c.cancel(), 200);
});

const stream = (stub) => new Promise((resolve) => {
  const c = stub.Watch({}, after(20000));
  c.on('data', () => {});
  c.on('error', (err) => resolve([err.code, err.details]));
  c.on('end', () => {});
});

async function client() {
  console.log('ready');
  const stub = new Accounts(address, grpc.credentials.createInsecure());
  const metadata = new grpc.Metadata();
  metadata.set('h-a', '1');
  metadata.set('h-a-bin', Buffer.from([0, 255]));
  metadata.set('t-b', '2');
  metadata.set('t-b-bin', Buffer.from('\n'));
  const got = await call(stub, 'Verify', { id: 'metadata', payload: Buffer.from([0, 255]) }, metadata);
  const codes = [];
  for (let code = 1; code <= 16; code++) {
    const { code: c, text } = await call(stub, 'Verify', { code, message: 'no % \u00fc' });
    codes.push([c, text]);
  }
  say({
    version: '@grpc/grpc-js ' + version, id: got.reply.id, name: got.reply.name, payload: got.reply.payload.toString('hex'),
    header: got.header, trailer: got.trailer,
    big: (await call(stub, 'Verify', { payload: Buffer.alloc(3 << 20) })).reply.payload.length,
    codes,
    deadline: (await call(stub, 'Verify', { id: 'wait' }, new grpc.Metadata(), 300)).code,
    unknown: (await call(stub, 'Audit', {})).code,
    stream: await stream(stub),
  });
  const waiting = stub.Verify({ id: 'wait' }, after(20000), (err) => {
    if (err.code === grpc.status.CANCELLED) say('cancelled');
    stub.close();
  });
  setTimeout(() => waiting.cancel(), 200);
}

function verify(c, callback) {
  const { id, payload, code, message } = c.request;
  if (id === 'stop') setImmediate(() => running.tryShutdown(() => {}));
  if (id === 'wait') {
    c.on('cancelled', () => say('ended'));
    return;
  }
  if (code) {
    callback({ code, details: message });
    return;
  }
  const header = new grpc.Metadata();
  const trailer = new grpc.Metadata();
  for (const key of ['h-a', 'h-a-bin', 't-b', 't-b-bin']) {
    for (const v of c.metadata.get(key)) (key[0] === 'h' ? header : trailer).add(key, v);
  }
  c.sendMetadata(header);
  callback(null, { id, name: 'Ada Lovelace', payload, remaining_ms: c.getDeadline() - Date.now() }, trailer);
}

let running;

function server() {
  const s = running = new grpc.Server();
  s.addService({ Verify: Accounts.service.Verify }, { Verify: verify });
  s.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (err, port) => {
    if (err) throw err;
    console.log('ready');
    say('127.0.0.1:' + port);
  });
}

if (mode === 'client') client(); else server();
