import { playbackIdOf } from './channels';
import { h } from './player/dom';
import { keyList } from './player/help';
import { messages } from './player/messages';
import { mountPlayer } from './player/player';
import { recordingSource } from './player/source';
import type { Viewer } from './player/viewer';

const words = messages.replay;
const name = h('h1', { class: 'name' }, words.recording);
const lasts = h('span');
const stage = h('div', { class: 'stage' });

document.title = words.page(words.recording);
document.body.append(
  h('header', { class: 'top' }, h('a', { class: 'brand', href: '/' }, h('span', { class: 'mark', 'aria-hidden': 'true' }, 'Σ'), messages.product),
    h('a', { class: 'quiet', href: '/' }, words.home)),
  h('main', {}, stage, h('div', { class: 'about' }, h('div', { class: 'what' }, name, h('p', { class: 'since' }, lasts)),
    h('aside', { class: 'shortcuts', 'aria-label': messages.controls.help }, keyList(messages.recordingKeys)))),
);

mountPlayer(stage, recordingSource(playbackIdOf(location.pathname)), { on: { state: onState } });

/** Of when it is and how long, by the recording itself. */
function onState(viewer: Viewer): void {
  name.style.visibility = viewer.state === 'unknown' || viewer.state === 'checking' ? 'hidden' : '';
  const window = viewer.window;
  const began = window === null ? null : viewer.playback?.dateAt(window.start);
  if (window === null || began == null) return;
  const title = words.title(new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' }).format(began));
  name.textContent = title;
  document.title = words.page(title);
  lasts.textContent = words.lasts(window.end - window.start);
}
