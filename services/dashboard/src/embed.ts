import { playbackIdOf } from './channels';
import { h } from './player/dom';
import { mountPlayer } from './player/player';

const stage = h('main', { class: 'stage' });
document.body.append(stage);
mountPlayer(stage, playbackIdOf(location.pathname));
