// Sends one kind of hostile request over and over, eight at a time, and tells what came back. `spin` only burns its core.
//   node attacker.mjs URL TOKEN KIND SECONDS
import { Agent, request as httpRequest } from 'node:http';

const [url, token, kind, seconds] = process.argv.slice(2);
const until = Date.now() + Number(seconds) * 1000;
const LANES = 8;
const INTROSPECTION = `query { __schema { types { name kind description fields { name description args { name description type { name kind ofType { name kind ofType { name kind } } } }
  type { name kind ofType { name kind ofType { name kind ofType { name } } } } } inputFields { name type { name kind } } enumValues { name description } } } }`;

const BODIES = {
  depth: () => `{"query":"{ ${'channels { nodes { sessions { nodes { channel { '.repeat(10)} id ${'} } } } }'.repeat(10)} }"}`,
  aliases: () => `{"query":"{ ${[...Array(10_000).keys()].map((index) => `a${index}: me { name }`).join(' ')} }"}`,
  batch: () => `[${Array(1000).fill('{"query":"{ me { name } }"}').join(',')}]`,
  body: () => `{"query":"{ me { name } }","variables":{"x":"${'x'.repeat(50_000_000)}"}}`,
  circle: () => '{"query":"{ ...A } fragment A on Query { ...B } fragment B on Query { ...A me { name } }"}',
  introspection: () => JSON.stringify({ query: INTROSPECTION }),
};

function spin() {
  while (Date.now() < until);
  console.log(JSON.stringify({ sent: 1 }));
}

// A socket that breaks while its body is still written speaks outside of its request.
process.on('uncaughtException', (error) => { tally.refused[error.code] = (tally.refused[error.code] ?? 0) + 1; });

const agent = new Agent({ keepAlive: true, maxSockets: LANES });
const tally = { sent: 0, answered: 0, refused: {} };

function send(body) {
  return new Promise((resolve) => {
    const request = httpRequest(url, {
      method: 'POST', agent,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, 'content-length': Buffer.byteLength(body) },
    }, (response) => {
      let text = '';
      response.on('data', (part) => { if (text.length < 4096) text += part; });
      response.on('end', () => {
        const code = /"code":"([A-Z_]+)"/.exec(text)?.[1];
        if (response.statusCode !== 200 || code !== undefined) tally.refused[`${response.statusCode} ${code ?? ''}`.trim()] = (tally.refused[`${response.statusCode} ${code ?? ''}`.trim()] ?? 0) + 1;
        else tally.answered += 1;
        resolve(undefined);
      });
      response.on('error', () => resolve(undefined));
    });
    // A body that is cut off in the middle is refused too.
    request.on('error', (error) => { tally.refused[error.code] = (tally.refused[error.code] ?? 0) + 1; resolve(undefined); });
    tally.sent += 1;
    request.end(body);
  });
}

if (kind === 'spin') spin();
else {
  const body = BODIES[kind]();
  await Promise.all([...Array(LANES).keys()].map(async () => { while (Date.now() < until) await send(body); }));
  console.log(JSON.stringify(tally));
  process.exit(0);
}
