import { playbackIdOf } from './channels';
import { h } from './player/dom';
import { mountPlayer } from './player/player';
import { playlistUrl } from './player/probe';

const stage = h('main', { class: 'stage' });
document.body.append(stage);
mountPlayer(stage, playlistUrl(playbackIdOf(location.pathname)));
