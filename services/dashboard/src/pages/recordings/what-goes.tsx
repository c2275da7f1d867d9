import { useQuery } from 'urql';
import { KeptOfChannelDocument, type AssetKind } from '../../api/generated';
import { useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { goingOf, type Lot } from './going';

/** So many are looked at. */
const MOST = 100;
/** So many days are named one by one. */
const DAYS = 3;

/** What is recorded of a channel already, and when it goes; nothing where nothing is. */
export function WhatGoes({ channelId, kind }: { channelId: string; kind: AssetKind }) {
  const { m, f } = useSpeech();
  const t = m.recordings;
  const may = useMay('assets:read');
  const [{ data }] = useQuery({ query: KeptOfChannelDocument, variables: { channelId, kind, first: MOST }, pause: !may });
  const { nodes = [], pageInfo } = data?.assets ?? {};
  if (nodes.length === 0) return null;
  const { days, stay } = goingOf(nodes, (at) => f.date(at));
  const later = days.slice(DAYS).reduce<Lot>((sum, { count, bytes }) => ({ count: sum.count + count, bytes: sum.bytes + bytes }), { count: 0, bytes: 0 });
  const words = [
    ...days.slice(0, DAYS).map(({ count, bytes, at }) => t.goOn(count, f.size(bytes), f.date(at))),
    ...(later.count === 0 ? [] : [t.goLater(later.count, f.size(later.bytes))]),
    ...(stay.count === 0 ? [] : [t.stay(stay.count, f.size(stay.bytes))]),
  ];
  return <span className="what-goes">{t.alreadyKept(pageInfo?.hasNextPage === true ? MOST : null)} {words.join('; ')}.</span>;
}
