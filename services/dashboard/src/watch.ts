import { messages } from './player/messages';
import { minutesSince, pathOf, playbackIdOf, publicLive } from './channels';
import { h } from './player/dom';
import { keyList } from './player/help';
import { mountPlayer } from './player/player';
import { serverNow } from './player/probe';
import { liveSource } from './player/source';
import type { Viewer } from './player/viewer';

const playbackId = playbackIdOf(location.pathname);
const name = h('h1', { class: 'name' }, messages.watch.untitled);
const since = h('span');
const behind = h('span', { class: 'behind', title: messages.controls.behindHelp });
const stage = h('div', { class: 'stage' });

let liveAt: string | null = null;
let knownFor = '';

document.body.append(
  h('header', { class: 'top' }, h('a', { class: 'brand', href: '/' }, h('span', { class: 'mark', 'aria-hidden': 'true' }, 'Σ'), messages.product),
    h('a', { class: 'quiet', href: '/' }, messages.watch.home)),
  h('main', {}, stage, h('div', { class: 'about' }, h('div', { class: 'what' }, name, h('p', { class: 'since' }, since, behind)), h('aside', { class: 'shortcuts', 'aria-label': messages.controls.help }, keyList()))),
);

mountPlayer(stage, liveSource(playbackId), {
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
  }
  if (state === 'ended' || state === 'waiting') {
    knownFor = '';
    liveAt = null;
    showSince();
  }
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
