import { messages } from './player/messages';
import { minutesSince, pathOf, playbackIdOf, publicLive } from './channels';
import { h } from './player/dom';
import { keyList } from './player/help';
import { mountPlayer } from './player/player';
import { serverNow } from './player/probe';
import { liveSource } from './player/source';
import { replayCard, replayPath, replaysOf } from './replays';
import type { Viewer } from './player/viewer';

const playbackId = playbackIdOf(location.pathname);
const name = h('h1', { class: 'name' }, messages.watch.untitled);
const since = h('span');
const behind = h('span', { class: 'behind', title: messages.controls.behindHelp });
const stage = h('div', { class: 'stage' });
const last = h('a', { class: 'last-replay', hidden: true }, messages.watch.lastReplay);
const cards = h('ul', { class: 'replay-cards' });
const replays = h('section', { class: 'replays', 'aria-labelledby': 'replays', hidden: true }, h('h2', { id: 'replays' }, messages.watch.replays), cards);

let liveAt: string | null = null;
let knownFor = '';

document.body.append(
  h('header', { class: 'top' }, h('a', { class: 'brand', href: '/' }, h('span', { class: 'mark', 'aria-hidden': 'true' }, 'Σ'), messages.product),
    h('a', { class: 'quiet', href: '/' }, messages.watch.home)),
  h('main', {}, stage, h('div', { class: 'about' }, h('div', { class: 'what' }, name, h('p', { class: 'since' }, since, behind)), h('aside', { class: 'shortcuts', 'aria-label': messages.controls.help }, keyList())), replays),
);

mountPlayer(stage, liveSource(playbackId), {
  offer: last,
  on: {
    state: onState,
    behind: (words) => { if (behind.textContent !== words) behind.textContent = words; },
  },
});
setInterval(showSince, 15_000);

function onState({ state }: Viewer): void {
  // No channel has no name; its place is kept.
  name.style.visibility = state === 'unknown' || state === 'checking' ? 'hidden' : '';
  if (state === 'playing' && knownFor !== 'on air') {
    knownFor = 'on air';
    void learnName();
    void offerReplays();
  }
  if ((state === 'ended' || state === 'waiting') && knownFor !== state) {
    knownFor = state;
    liveAt = null;
    showSince();
    void offerReplays();
    if (state === 'ended') setTimeout(() => void offerReplays(), REPLAY_AFTER_MS);
  }
}

/** The replay of a broadcast is there a moment after its end. */
const REPLAY_AFTER_MS = 8_000;

/** After the first picture, or where there is none. */
async function offerReplays(): Promise<void> {
  const found = await replaysOf(playbackId);
  const [newest] = found;
  last.hidden = newest === undefined;
  if (newest !== undefined) last.href = replayPath(newest);
  replays.hidden = newest === undefined;
  cards.replaceChildren(...found.map(replayCard));
}

async function learnName(): Promise<void> {
  const list = await publicLive(playbackId);
  const channel = list?.channels.find(({ watchUrl }) => pathOf(watchUrl) === location.pathname);
  if (channel === undefined) return;
  name.textContent = channel.name;
  document.title = messages.watch.onAir(channel.name);
  liveAt = channel.liveAt;
  showSince();
}

function showSince(): void {
  const minutes = minutesSince(liveAt, serverNow());
  since.textContent = minutes === null ? '' : messages.watch.since(minutes);
}
