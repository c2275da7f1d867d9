import { length, parts, timeOfDay } from './lengths';

/** "1 hour 2 minutes". */
const said = (seconds: number) => parts(seconds).map(([unit, value]) => `${value} ${unit}${value === 1 ? '' : 's'}`).join(' ');

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

  /** Where a recording is played, and other words are due. */
  recordingStates: {
    checking: { title: 'Looking for the recording…', text: '' },
    unknown: { title: 'There is no recording at this address.', text: 'It may have been deleted, or the time for which it was kept is over.' },
    denied: { title: 'This recording is not open to everyone.', text: 'You need a link from its owner.' },
    ended: { title: 'The recording ends here.', text: '' },
    failed: { title: 'This browser cannot play this recording’s format.', text: 'Another browser or device may.' },
  },

  controls: {
    player: 'Live video player',
    recordingPlayer: 'Video player',
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
    /** Far behind, where tenths of a second say nothing. */
    behindLong: (seconds: number) => `${length(seconds)} behind`,
    behindHelp: 'Time between the camera’s end of the platform and your screen, by the broadcast’s own clock',
    clockOff: 'Your device’s clock is off; it is corrected by the server’s',
    rewind: 'Place in the broadcast',
    place: 'Place in the recording',
    /** Over the bar: how far behind live, and the time of day of the picture. */
    moment: (behind: number, at: number | null) => [behind < 1 ? 'Live' : `−${length(behind)}`, ...(at === null ? [] : [timeOfDay(at)])].join(' · '),
    momentSpoken: (behind: number, at: number | null) => [behind < 1 ? 'Live' : `${said(behind)} behind live`, ...(at === null ? [] : [timeOfDay(at)])].join(', '),
    ofLength: (at: number, whole: number) => `${length(at)} / ${length(whole)}`,
    length,
    ofLengthSpoken: (at: number, whole: number) => `${said(at)} of ${said(whole)}`,
    back10: '10\u00a0seconds back',
    speed: 'Speed',
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

  /** Said over the picture for a moment. */
  told: {
    tooOld: 'What you were watching is no longer kept. This is the oldest that is.',
    skipped: (seconds: number) => `The broadcaster was away for ${said(seconds)}. Going on where the picture came back.`,
    resumed: (seconds: number) => `Going on at ${length(seconds)}, where you left.`,
  },

  keys: [
    { keys: ['Space', 'K'], does: 'Play or pause' },
    { keys: ['M'], does: 'Sound on or off' },
    { keys: ['↑', '↓'], does: 'Louder, softer' },
    { keys: ['←', '→'], does: '5\u00a0s back, forward' },
    { keys: ['J'], does: '10\u00a0s back' },
    { keys: ['L'], does: 'Go to live' },
    { keys: ['F'], does: 'Full screen' },
    { keys: ['?'], does: 'This help' },
  ],

  recordingKeys: [
    { keys: ['Space', 'K'], does: 'Play or pause' },
    { keys: ['M'], does: 'Sound on or off' },
    { keys: ['↑', '↓'], does: 'Louder, softer' },
    { keys: ['←', '→'], does: '5\u00a0s back, forward' },
    { keys: ['J', 'L'], does: '10\u00a0s back, forward' },
    { keys: [',', '.'], does: 'One frame back, forward' },
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
    replays: 'Earlier broadcasts',
    lastReplay: 'Watch the last broadcast',
  },

  replay: {
    recording: 'Recording',
    title: (day: string) => `Recording of ${day}`,
    page: (title: string) => `${title} · Sigma Livestream`,
    lasts: (seconds: number) => said(seconds),
    home: 'Live broadcasts',
  },
};

export type StateName = keyof typeof messages.states;

export interface Key {
  readonly keys: readonly string[];
  readonly does: string;
}

/** What the player itself says. */
export type PlayerWords = Pick<typeof messages, 'states' | 'recordingStates' | 'controls' | 'told' | 'keys' | 'recordingKeys'>;
