import { cacheExchange, type Cache, type Resolver } from '@urql/exchange-graphcache';
import type { Exchange } from '@urql/core';

/** Types that have no id of their own: they are kept inside what they belong to. */
const EMBEDDED = [
  'Actor', 'ApiTokenPayload', 'AssetConnection', 'AssetEdge', 'AssetPayload', 'ChannelConnection', 'ChannelEdge', 'ChannelPayload', 'Chapter', 'ComponentHealth', 'EventConnection', 'EventEdge',
  'Identity', 'Ingest', 'IngestHealth', 'IngestWarning', 'PageInfo', 'ParkedLine', 'PlatformHealth', 'ProjectPayload', 'ProjectionPayload',
  'SessionConnection', 'SessionEdge', 'SessionInput', 'SessionPayload', 'SettingInForce', 'Storage', 'StorageOfChannel', 'StorageOfKind', 'TimelineEntry',
];

/** What was read, by id: one thing is the same wherever it is shown, and a mutation's or subscription's answer renews it everywhere. */
export function memory(): Exchange {
  return cacheExchange({
    keys: { ...Object.fromEntries(EMBEDDED.map((type) => [type, () => null])), Projection: ({ name }) => (typeof name === 'string' ? name : null) },
    resolvers: { Query: { channel: byId('Channel'), session: byId('Session'), asset: byId('Asset') } },
    updates: {
      Mutation: {
        deleteChannel: (_, { id }, cache) => forget(cache, 'Channel', id),
      },
    },
  });
}

/** What is known from elsewhere, as from the answer that made it, is shown before it was asked for by its id. */
function byId(type: string): Resolver {
  return (_, { id }, cache, { fieldName }) => {
    const told = cache.resolve('Query', fieldName, { id: id as string });
    return told === undefined ? { __typename: type, id: id as string } : told;
  };
}

function forget(cache: Cache, type: string, id: unknown): void {
  cache.invalidate({ __typename: type, id: id as string });
}
