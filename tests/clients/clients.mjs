// The API as integrators reach it from Node: each client library as its documentation shows it, nothing special.
//   node clients.mjs HTTP-URL TOKEN
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { GraphQLClient, gql } from 'graphql-request';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token] = process.argv.slice(2);
if (!url || !token) {
  console.error('usage: node clients.mjs http://127.0.0.1:8080 TOKEN');
  process.exit(2);
}
const endpoint = `${url}/graphql`;
const sockets = `${url.replace(/^http/, 'ws')}/graphql/ws`;
const authorization = `Bearer ${token}`;
const CREATED = 'subscription { events { type data } }';

/** Subscribes, makes a channel once the server listens, and answers the first event. */
async function firstEvent(subscribe, name) {
  const events = subscribe();
  // The channel is made again and again until the subscription stands: there is no word from the server when it does.
  const making = setInterval(() => void create(name), 200);
  try {
    const first = await Promise.race([
      events.next().then(({ value }) => value),
      new Promise((_, reject) => { setTimeout(() => reject(new Error(`${name}: no event within 20 s`)), 20_000).unref(); }),
    ]);
    await events.return?.();
    return first;
  } finally {
    clearInterval(making);
  }
}

const request = new GraphQLClient(endpoint, { headers: { authorization } });
const create = (name) => request.request(
  gql`mutation ($input: CreateChannelInput!) { createChannel(input: $input) { channel { id name } streamKey } }`, { input: { name } });

function expect(what, holds, found) {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(found)}`);
  console.log(`ok ${what}`);
}

// graphql-request: a mutation with variables, a query, an error with its code.
const { createChannel } = await create('By graphql-request');
expect('graphql-request makes a channel', createChannel.channel.name === 'By graphql-request' && createChannel.streamKey, createChannel);
const error = await create('').catch((caught) => caught);
expect('graphql-request sees the field that is wrong', error.response?.errors?.[0]?.extensions?.fields?.[0]?.path === 'name', error.response);

// graphql-ws: its own client over a socket, with the token in connection_init.
const ws = createWsClient({ url: sockets, webSocketImpl: WebSocket, connectionParams: { authorization }, retryAttempts: 0 });
const overWs = await firstEvent(() => ws.iterate({ query: CREATED }), 'graphql-ws');
expect('graphql-ws gets an event', overWs.data?.events?.type === 'channel.created', overWs);
const asked = await ws.iterate({ query: '{ channels(first: 1) { nodes { name } } }' }).next();
expect('graphql-ws asks a query', asked.value.data?.channels?.nodes?.length === 1, asked.value);
await ws.dispose();

// graphql-sse: distinct connections.
const sse = createSseClient({ url: endpoint, headers: { authorization }, retryAttempts: 0 });
const overSse = await firstEvent(() => sse.iterate({ query: CREATED }), 'graphql-sse');
expect('graphql-sse gets an event', overSse.data?.events?.type === 'channel.created', overSse);
sse.dispose();

// urql: queries over fetch, subscriptions over graphql-ws.
const forUrql = createWsClient({ url: sockets, webSocketImpl: WebSocket, connectionParams: { authorization } });
const urql = new Client({
  url: endpoint,
  preferGetMethod: false,
  fetchOptions: { headers: { authorization } },
  exchanges: [
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: (operation) => ({
        subscribe: (sink) => ({ unsubscribe: forUrql.subscribe({ ...operation, query: operation.query ?? '' }, sink) }),
      }),
    }),
  ],
});
const listed = await urql.query('query ($first: Int) { channels(first: $first) { edges { cursor node { id name } } pageInfo { endCursor } } }', { first: 2 }).toPromise();
expect('urql lists channels', listed.data?.channels?.edges?.length === 2, listed.error ?? listed.data);
const overUrql = await firstEvent(() => {
  const waiting = [];
  const arrived = [];
  const { unsubscribe } = urql.subscription(CREATED, {}).subscribe((result) => {
    if (waiting.length > 0) waiting.shift()({ value: result });
    else arrived.push({ value: result });
  });
  return {
    next: () => new Promise((resolve) => { if (arrived.length > 0) resolve(arrived.shift()); else waiting.push(resolve); }),
    return: async () => unsubscribe(),
  };
}, 'urql');
expect('urql gets an event', overUrql.data?.events?.type === 'channel.created', overUrql.error ?? overUrql.data);
await forUrql.dispose();
