/** Every word a viewer reads. The player takes them in another language where it stands in the dashboard. */
export const messages = {
  product: 'Sigma Livestream',

  /** What the picture's place says when there is no moving picture. */
  states: {
    checking: { title: 'Looking for the broadcast…', text: '' },
    starting: { title: 'Starting…', text: '' },
    waiting: { title: 'Not on air yet.', text: 'This page will start by itself.' },
    unknown: { title: 'There is no channel at this address.', text: 'Please check the link. It may have been mistyped, or the channel was removed.' },
    denied: { title: 'This broadcast is not open to everyone.', text: 'You need a link from its owner.' },
    playing: { title: '', text: '' },
    paused: { title: '', text: '' },
    buffering: { title: 'Catching up…', text: '' },
    broken: { title: 'The broadcaster’s connection was lost.', text: 'We are waiting for it to return.' },
    reconnecting: { title: 'The connection to the server was lost.', text: 'We keep trying. You need not reload.' },
    ended: { title: 'This broadcast has ended.', text: 'If another begins, it will start here by itself.' },
    unsupported: { title: 'This browser cannot play live video.', text: 'Please try a current Chrome, Edge, Firefox or Safari.' },
    failed: { title: 'This browser cannot play this broadcast’s format.', text: 'Another browser or device may. We try again from time to time.' },
  },

  controls: {
    player: 'Live video player',
    bar: 'Player controls',
    play: 'Play',
    pause: 'Pause',
    mute: 'Mute',
    unmute: 'Unmute',
    volume: 'Volume',
    volumeValue: (percent: number) => `${percent} percent`,
    tapForSound: 'Tap for sound',
    tapToPlay: 'Tap to play',
    live: 'Live',
    atLive: 'You are watching live',
    goLive: 'Go to live',
    behind: (seconds: string) => `${seconds}\u00a0s behind`,
    behindHelp: 'Time between the camera’s end of the platform and your screen, by the broadcast’s own clock',
    clockOff: 'Your device’s clock is off; it is corrected by the server’s',
    quality: 'Quality',
    qualityAuto: 'Automatic',
    qualityAutoNow: (name: string) => `Automatic (${name})`,
    pictureInPicture: 'Picture in picture',
    fullScreen: 'Full screen',
    leaveFullScreen: 'Leave full screen',
    help: 'Keyboard shortcuts',
    close: 'Close',
    shortcut: (label: string, key: string) => `${label} (${key})`,
  },

  keys: [
    { keys: ['Space', 'K'], does: 'Play or pause' },
    { keys: ['M'], does: 'Sound on or off' },
    { keys: ['↑', '↓'], does: 'Louder, softer' },
    { keys: ['←', '→'], does: '5\u00a0s back, forward' },
    { keys: ['L'], does: 'Go to live' },
    { keys: ['F'], does: 'Full screen' },
    { keys: ['?'], does: 'This help' },
  ],

  watch: {
    untitled: 'Live broadcast',
    onAir: (name: string) => `${name} · live`,
    since: (minutes: number) =>
      minutes < 1 ? 'Just went on air'
      : minutes < 60 ? `On air for ${minutes} min`
      : `On air for ${Math.floor(minutes / 60)} h ${minutes % 60} min`,
    home: 'Other broadcasts',
  },
};

export type StateName = keyof typeof messages.states;

/** What the player itself says. */
export type PlayerWords = Pick<typeof messages, 'states' | 'controls' | 'keys'>;
