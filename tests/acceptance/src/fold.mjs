// What the read models must say, folded from the exported log by a program of its own that knows nothing of the platform's.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BINARY } from './platform.mjs';
import { run, temporaryFolder } from './process.mjs';

/** The whole log, as `sigma events export` writes it. */
export async function exported(platform) {
  const file = join(temporaryFolder('export'), 'events.jsonl');
  await run(BINARY, ['events', 'export', '--data-dir', platform.data, '--output', file]);
  return readFileSync(file, 'utf8').trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
}

/** Channels and sessions after these events. */
export function fold(events) {
  const [channels, sessions] = [new Map(), new Map()];
  for (const { type, aggregateId: id, data } of events) {
    const channel = channels.get(id);
    const session = sessions.get(id);
    switch (type) {
      case 'channel.created': channels.set(id, { id, name: data.name.plain, state: 'IDLE', playbackId: data.playbackId, createdAt: data.atMs, currentSession: null, ...data.settings }); break;
      case 'channel.updated': Object.assign(channel, data.changes, data.changes.name === undefined ? {} : { name: data.changes.name.plain }); break;
      case 'channel.started': channel.state = 'IDLE'; break;
      case 'channel.stopped': channel.state = 'STOP'; break;
      case 'channel.deleted': channels.delete(id); break;
      case 'channel.session_attached': Object.assign(channel, { state: 'ACTIVE', currentSession: data.sessionId }); break;
      case 'channel.session_detached': channel.currentSession = null; if (channel.state === 'ACTIVE') channel.state = 'IDLE'; break;
      case 'session.opened': sessions.set(id, { id, channel: data.channelId, state: 'INIT', startedAt: data.atMs, liveAt: null, endedAt: null, endReason: null, media: false }); break;
      case 'session.processing': Object.assign(session, { state: 'PROCESSING', media: true }); break;
      case 'session.live': Object.assign(session, { state: 'LIVE', liveAt: data.atMs }); break;
      case 'session.error': Object.assign(session, { state: 'ERROR', lost: data }); break;
      case 'session.recovered': Object.assign(session, { state: session.liveAt !== null ? 'LIVE' : session.media ? 'PROCESSING' : 'INIT', lost: undefined }); break;
      case 'session.ended': Object.assign(session, { state: 'ENDED', endedAt: data.atMs, endReason: data.reason }); break;
      default:
    }
  }
  return { channels, sessions };
}

/** Sessions whose end is not what the events before it call for, by the words of the design. */
export function wrongEnds(events) {
  const wrong = [];
  const lost = new Map();
  const ended = new Map();
  for (const { type, aggregateType, aggregateId: id, data } of events) {
    if (aggregateType !== 'session') continue;
    if (ended.has(id)) wrong.push(`${id}: ${type} after its end`);
    if (type === 'session.error') lost.set(id, data);
    if (type === 'session.recovered') lost.delete(id);
    // A feed that is back may leave in order before any of its media is understood.
    if (type === 'session.feed_opened' && lost.has(id)) lost.set(id, { ...lost.get(id), isBack: true });
    if (type !== 'session.ended') continue;
    ended.set(id, data.reason);
    const loss = lost.get(id);
    const byItself = data.reason === 'NODE_LOST' || (data.reason === 'BROADCASTER_LEFT' && !loss?.isBack);
    if (loss !== undefined && byItself && data.reason !== loss.endsAs) wrong.push(`${id}: lost by ${loss.cause}, to end as ${loss.endsAs}, ended as ${data.reason}`);
    if (loss !== undefined && byItself && data.atMs < loss.untilMs) wrong.push(`${id}: ended ${loss.untilMs - data.atMs} ms before its window`);
    if (loss === undefined && data.reason === 'NODE_LOST') wrong.push(`${id}: NODE_LOST while its feed was there`);
  }
  return wrong;
}

const when = (text) => (text === null ? null : Date.parse(text));

/** All rows of a connection. */
async function all(platform, query, field) {
  const rows = [];
  let after = null;
  for (;;) {
    const { [field]: { nodes, pageInfo } } = await platform.graphql(query, { after });
    rows.push(...nodes);
    if (!pageInfo.hasNextPage) return rows;
    after = pageInfo.endCursor;
  }
}

/** What the API tells of channels and sessions, in the fold's form. */
export async function told(platform) {
  const channels = await all(platform, `query($after: String) { channels(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes {
    id name state latencyMode autoGoLive maxSessionDuration reconnectWindow endOnUnpublish playbackId createdAt currentSession { id } } } }`, 'channels');
  const sessions = await all(platform, `query($after: String) { sessions(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes {
    id channel { id } state startedAt liveAt endedAt endReason } } }`, 'sessions');
  return {
    channels: new Map(channels.map((row) => [row.id, { ...row, createdAt: when(row.createdAt), currentSession: row.currentSession?.id ?? null }])),
    sessions: new Map(sessions.map((row) => [row.id, { ...row, channel: row.channel?.id, startedAt: when(row.startedAt), liveAt: when(row.liveAt), endedAt: when(row.endedAt) }])),
  };
}

/** Where the read models differ from the fold of the log, in words; none where they are equal. */
export function compare(folded, shown) {
  const wrong = [];
  for (const kind of ['channels', 'sessions']) {
    const ids = new Set([...folded[kind].keys(), ...shown[kind].keys()]);
    for (const id of ids) {
      const [want, have] = [folded[kind].get(id), shown[kind].get(id)];
      if (want === undefined || have === undefined) { wrong.push(`${id} is ${want === undefined ? 'shown and not in the log' : 'in the log and not shown'}`); continue; }
      for (const [field, value] of Object.entries(have)) {
        // A session outlives its channel: the API then names none.
        if (field === 'channel' && !folded.channels.has(want.channel)) continue;
        // One that is attached and not opened yet has no row.
        if (field === 'currentSession' && value === null && !folded.sessions.has(want.currentSession)) continue;
        if (JSON.stringify(want[field]) !== JSON.stringify(value)) wrong.push(`${id} ${field}: ${JSON.stringify(value)}, by the log ${JSON.stringify(want[field])}`);
      }
    }
  }
  return wrong;
}

/** Reads log and views until both tell of the same moment, then compares. */
export async function readModelsAreTheFold(platform) {
  let wrong = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const before = await exported(platform);
    const shown = await told(platform);
    const events = await exported(platform);
    wrong = compare(fold(events), shown);
    // Something happened in between: the comparison says nothing.
    if (wrong.length === 0 || events.length === before.length) return { wrong, events };
  }
  return { wrong, events: await exported(platform) };
}

/** Fills all views anew from the log and waits until they serve. */
export async function rebuild(platform) {
  const { projections } = await platform.graphql('{ projections { name } }');
  for (const { name } of projections) await run(BINARY, ['projections', 'rebuild', name, '--data-dir', platform.data]);
  const until = Date.now() + 60_000;
  for (;;) {
    const { projections: now } = await platform.graphql('{ projections { name lag parked rebuildProgress } }');
    if (now.every(({ lag, parked, rebuildProgress }) => lag === 0 && parked === 0 && rebuildProgress === null)) return;
    if (Date.now() > until) throw new Error(`the views are not rebuilt: ${JSON.stringify(now)}`);
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}
