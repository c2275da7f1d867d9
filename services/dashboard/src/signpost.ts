import { minutesSince, pathOf, publicLive, type LiveChannel } from './channels';
import { messages } from './messages';
import { Backoff } from './player/backoff';
import { h } from './player/dom';
import { wait } from './player/wait';

const text = messages.signpost;
const DEFAULT_RTMP_PORT = 1935;
const looks = new Backoff({ first: 8_000, most: 20_000, growth: 1.1 });

const list = h('ul', { class: 'channels' });
const empty = h('p', { class: 'empty' }, ' ');
const server = h('code', {}, `rtmp://${location.hostname}:${DEFAULT_RTMP_PORT}/live`);
const tokenFile = h('code', {}, text.owner.tokenFile);
const dataDir = h('p', { class: 'note' }, text.owner.dataDir);
const { steps } = text.obs;

document.body.append(
  h('header', { class: 'hero' }, h('p', { class: 'mark', 'aria-hidden': 'true' }, 'Σ'), h('h1', {}, messages.product), h('p', { class: 'tagline' }, text.tagline)),
  h('main', {},
    h('section', { class: 'card live-now', 'aria-labelledby': 'live-now' }, h('h2', { id: 'live-now' }, text.liveNow), list, empty),
    h('div', { class: 'columns' },
      h('section', { class: 'card', 'aria-labelledby': 'obs' }, h('h2', { id: 'obs' }, text.obs.title),
        h('ol', { class: 'steps' },
          h('li', {}, steps.key, copyable(h('code', {}, steps.keyCommand))),
          h('li', {}, steps.settings, h('dl', { class: 'facts' },
            h('dt', {}, steps.server), h('dd', {}, copyable(server)),
            h('dt', {}, steps.streamKey), h('dd', {}, steps.streamKeyFrom))),
          h('li', {}, steps.keyframe),
          h('li', {}, steps.start))),
      h('section', { class: 'card', 'aria-labelledby': 'owner' }, h('h2', { id: 'owner' }, text.owner.title),
        h('dl', { class: 'facts stacked' },
          h('dt', {}, text.owner.token), h('dd', {}, text.owner.tokenPlace, ' ', tokenFile),
          h('dt', {}, text.owner.graphql), h('dd', {}, h('a', { href: '/graphql' }, h('code', {}, `${location.origin}/graphql`)), h('small', {}, text.owner.graphqlHow)),
          h('dt', {}, text.owner.commands), h('dd', {}, h('code', {}, text.owner.commandsList), h('small', {}, text.owner.commandsHow))),
        dataDir))),
);

void keepLooking();

async function keepLooking(): Promise<never> {
  for (;;) {
    const answer = await publicLive();
    if (answer?.rtmpUrl !== undefined) server.textContent = answer.rtmpUrl;
    if (answer?.adminToken) {
      tokenFile.textContent = answer.adminToken;
      dataDir.hidden = true;
    }
    if (answer === null) {
      empty.textContent = text.unreachable;
    } else {
      show(answer.channels);
      looks.reset();
    }
    await wait(looks.next());
  }
}

/** Rows are kept by their address, so that a row under the pointer or the focus stays where it is. */
function show(channels: readonly LiveChannel[]): void {
  const rows = new Map([...list.children].map((row) => [row.getAttribute('data-path'), row] as const));
  const wanted = channels.map((channel) => {
    const path = pathOf(channel.watchUrl);
    const row = rows.get(path) ?? h('li', { 'data-path': path }, h('a', { href: path }, h('span', { class: 'dot', 'aria-hidden': 'true' }), h('span', { class: 'name' }), h('span', { class: 'since' })));
    const minutes = minutesSince(channel.liveAt, Date.now());
    row.querySelector('.name')!.textContent = channel.name;
    row.querySelector('.since')!.textContent = minutes === null ? '' : messages.watch.since(minutes);
    return row;
  });
  if (wanted.length !== list.children.length || wanted.some((row, index) => list.children[index] !== row)) list.replaceChildren(...wanted);
  empty.hidden = channels.length > 0;
  empty.textContent = `${text.nothingLive} ${text.looksAgain}`;
}

function copyable(code: HTMLElement): HTMLElement {
  const button: HTMLButtonElement = h('button', { class: 'copy', type: 'button', onclick: () => void copy() }, text.copy);
  button.hidden = navigator.clipboard === undefined;
  async function copy(): Promise<void> {
    await navigator.clipboard.writeText(code.textContent ?? '');
    button.textContent = text.copied;
    setTimeout(() => { button.textContent = text.copy; }, 1_600);
  }
  return h('span', { class: 'copyable' }, code, button);
}
