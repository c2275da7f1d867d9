// As much of RTMP as an attacker needs: the handshake and the commands up to publish, and feeding the tags of a clip.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const string = (text) => { const bytes = Buffer.from(text); const head = Buffer.alloc(3); head[0] = 2; head.writeUInt16BE(bytes.length, 1); return Buffer.concat([head, bytes]); };
const number = (value) => { const bytes = Buffer.alloc(9); bytes.writeDoubleBE(value, 1); return bytes; };
const property = (name, value) => { const bytes = string(name); return Buffer.concat([bytes.subarray(1), value]); };
const object = (fields) => Buffer.concat([Buffer.from([3]), ...Object.entries(fields).map(([name, value]) => property(name, string(value))), Buffer.from([0, 0, 9])]);
const NULL = Buffer.from([5]);

/** A message as one chunk after another, of 128 bytes as long as nothing else was agreed. */
function message(chunkStream, type, stream, payload, at = 0, size = 128) {
  const head = Buffer.alloc(12);
  head[0] = chunkStream;
  head.writeUIntBE(at & 0xffffff, 1, 3);
  head.writeUIntBE(payload.length, 4, 3);
  head[7] = type;
  head.writeUInt32LE(stream, 8);
  const pieces = [head];
  for (let from = 0; from < payload.length; from += size) {
    if (from > 0) pieces.push(Buffer.from([0xc0 | chunkStream]));
    pieces.push(payload.subarray(from, from + size));
  }
  return Buffer.concat(pieces);
}

const command = (stream, ...values) => message(3, 20, stream, Buffer.concat(values));

/**
 * Dials (`from` an address of this machine, where given), shakes hands and publishes under a key. Answers what the server said (`accepted`, `refused`, `closed`, or an error's code) and
 * the socket.
 */
export function publish({ host, port, key, from, withinMs = 10_000 }) {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress: from, noDelay: true });
    let arrived = Buffer.alloc(0);
    let stage = 'handshake';
    const done = (said) => { clearTimeout(late); socket.removeAllListeners('data'); resolve({ said, socket }); };
    const late = setTimeout(() => done('silent'), withinMs);
    socket.on('error', (error) => done(error.code));
    socket.on('close', () => done('closed'));
    socket.on('connect', () => socket.write(Buffer.concat([Buffer.from([3]), Buffer.alloc(8), randomBytes(1528)])));
    socket.on('data', (bytes) => {
      arrived = Buffer.concat([arrived, bytes]);
      if (stage === 'handshake' && arrived.length >= 3073) {
        socket.write(Buffer.concat([
          arrived.subarray(1, 1537),
          command(0, string('connect'), number(1), object({ app: 'live', type: 'nonprivate', flashVer: 'FMLE/3.0', tcUrl: `rtmp://${host}:${port}/live` })),
          command(0, string('createStream'), number(2), NULL),
          command(1, string('publish'), number(3), NULL, string(key), string('live')),
        ]));
        stage = 'publish';
        arrived = arrived.subarray(3073);
      }
      if (stage !== 'publish') return;
      const text = arrived.toString('latin1');
      if (text.includes('NetStream.Publish.Start')) done('accepted');
      else if (text.includes('NetStream.Publish.BadName') || text.includes('NetStream.Publish.Denied')) done('refused');
      else if (text.includes('NetConnection.Connect.Rejected')) done('rejected');
    });
  });
}
