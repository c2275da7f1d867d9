import { h, icon, icons } from './dom';
import { messages, type Key, type PlayerWords } from './messages';

export function helpDialog(words: PlayerWords, keys: readonly Key[]): HTMLDialogElement {
  const text = words.controls;
  const dialog: HTMLDialogElement = h('dialog', { class: 'help-dialog', 'aria-label': text.help },
    h('div', { class: 'help-head' },
      h('h2', {}, text.help),
      h('button', { class: 'control', type: 'button', 'aria-label': text.close, onclick: () => dialog.close() }, icon(...icons.close))),
    keyList(keys));
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('keydown', (event) => { if (event.key === '?') { event.preventDefault(); dialog.close(); } });
  return dialog;
}

/** The shortcuts, for the dialog and for the line below the picture. */
export function keyList(keys: readonly Key[] = messages.keys): HTMLDListElement {
  return h('dl', { class: 'keys' }, ...keys.map(({ keys: names, does }) =>
    h('div', {}, h('dt', {}, ...names.map((key) => h('kbd', {}, key))), h('dd', {}, does))));
}
