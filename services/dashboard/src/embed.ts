import { playbackIdOf } from './channels';
import { h } from './player/dom';
import { mountPlayer } from './player/player';
import { liveSource } from './player/source';

const stage = h('main', { class: 'stage' });
document.body.append(stage);
mountPlayer(stage, liveSource(playbackIdOf(location.pathname)));
