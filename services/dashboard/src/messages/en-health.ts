import type { Format } from './format';

/** Numbers that a warning's sentence is made of, by the names that the platform gives them. A missing one makes the sentence fall back on the platform's own. */
export type Figures = (name: string) => number;

type Sentence = (figure: Figures, f: Format) => string;
/** What an event of the timeline tells, by its name; the details are the event's own, as the log has them. */
type Telling = (details: Readonly<Record<string, unknown>>, f: Format) => string;

/** Thousandths: one digit behind the point where it is not a whole number. */
export const tenths = (f: Format, thousandths: number): string => f.number(Math.abs(thousandths) / 1_000, Math.round(Math.abs(thousandths) / 100) % 10 === 0 ? 0 : 1);
const rate = (f: Format, kilobits: number): string => f.bitrate(kilobits * 1_000);

const MODES = ['Normal latency', 'Low latency', 'Ultra-low latency'];

const VIDEO = [
  '', 'HEVC plays in few browsers. Set the video encoder to H.264.', 'AV1 does not play on many devices. Set the video encoder to H.264.',
  'Pictures of 10 bits do not play in browsers. Set the colour format to NV12 and the profile to high.',
  '4:2:2 pictures do not play in browsers. Set the colour format to NV12 and the profile to high.',
  '4:4:4 pictures do not play in browsers. Set the colour format to NV12 and the profile to high.',
  'The video is interlaced, which shows combs in browsers. Set the encoder to progressive, or deinterlace the source.',
  'Key frames are of open GOPs, at which viewers cannot join cleanly. Set closed GOPs (x264: open-gop=0).',
];

/** The words about a feed's health and about what happens to a session, in English. `vi-health.ts` has the same keys. */
export const enHealth = {
  /** What is wrong, in a few words. */
  warningTitles: {
    KEY_FRAME_INTERVAL_LONG: 'Key frames too far apart',
    BITRATE_UNSTABLE: 'Unsteady bitrate',
    BITRATE_FALLING: 'Bitrate has fallen',
    FRAME_RATE_LOW: 'Too few frames',
    TIMESTAMPS_JUMP: 'Timestamps jump',
    NO_AUDIO: 'No sound',
    AUDIO_SILENT: 'Silent sound',
    AV_DRIFT: 'Sound and picture apart',
    B_FRAMES: 'B-frames',
    FALLING_BEHIND: 'Falling behind',
    UNUSUAL_CODEC: 'Unusual format',
  } as Record<string, string>,

  /** The same in sentences, with the mend. */
  warningTexts: {
    KEY_FRAME_INTERVAL_LONG: (n, f) => `Key frames come every ${tenths(f, n('intervalMs'))} s. ${MODES[n('mode')] ?? 'The latency mode'} needs ${tenths(f, n('limitMs'))} s or less: in OBS set Keyframe Interval to ${f.number(n('suggestSeconds'))} s.`,
    BITRATE_UNSTABLE: (n, f) => `The bitrate swings between ${rate(f, n('lowestKbps'))} and ${rate(f, n('highestKbps'))}, on which narrow lines stall. In OBS set Rate Control to CBR. If it is, the network is unsteady: use a cable instead of Wi-Fi, or a lower bitrate.`,
    BITRATE_FALLING: (n, f) => `The bitrate fell to ${rate(f, n('nowKbps'))}; ${rate(f, n('usualKbps'))} was usual. See what else uses the network, or set a bitrate that it always carries.`,
    FRAME_RATE_LOW: (n, f) => `${tenths(f, n('rateMilli'))} frames a second come instead of ${tenths(f, n('ownMilli'))}: the encoder is overloaded. Choose a faster encoder preset, or a lower resolution or frame rate.`,
    TIMESTAMPS_JUMP: (n, f) => `Timestamps jumped ${n('byMs') < 0 ? 'back' : 'ahead'} by ${tenths(f, n('byMs'))} s: frames were lost before they were sent, or the source began anew. If it comes again, restart the encoder.`,
    NO_AUDIO: (n, f) => (n('heard') !== 0
      ? `No sound has come for ${f.number(n('seconds'))} s. See that the source of sound still runs, and restart the stream.`
      : 'No sound comes with the pictures, and some players do not start without it. In OBS see that an audio track is chosen for streaming.'),
    AUDIO_SILENT: (n, f) => `The sound has been silent for ${f.number(n('seconds'))} s. See that nothing is muted in the encoder’s mixer and that it records the right device.`,
    AV_DRIFT: (n, f) => `Sound comes ${tenths(f, n('offsetMs'))} s ${n('offsetMs') < 0 ? 'before' : 'after'} the pictures it belongs to. Use one sampling rate (48 kHz) for all devices, set Sync Offset to 0 in OBS, and restart the stream.`,
    B_FRAMES: (n, f) => `Pictures wait ${f.number(n('reorderMs'))} ms for others (B-frames), which ultra-low latency cannot spare. In OBS set Max B-frames to 0, or Tune to zerolatency.`,
    FALLING_BEHIND: (n, f) => `The feed is ${tenths(f, n('behindMs'))} s behind real time and falls further back: the network or the encoder does not carry its bitrate. ${rate(f, n('arrivesKbps'))} arrive, so set ${rate(f, n('suggestKbps'))} or less.`,
    UNUSUAL_CODEC: (n) => [VIDEO[n('video')] ?? '', n('audio') === 1 ? 'Opus is silent in some players. Set the audio encoder to AAC.' : ''].filter((part) => part !== '').join(' '),
  } as Record<string, Sentence>,

  timelineWords: {
    'session.opened': () => 'An encoder connected; the session began.',
    'session.processing': () => 'The media is understood; the preview is there.',
    'session.live': () => 'The session went live.',
    'session.error': ({ cause }) => ({
      SILENCE: 'The encoder sent nothing any more.', CONNECTION_BROKEN: 'The encoder’s connection broke.', UNPUBLISHED: 'The encoder stopped sending.',
      NODE_STOPPED: 'The server was stopped.', NODE_RESTARTED: 'The server was lost, or started anew.',
    } as Record<string, string>)[String(cause)] ?? 'The feed was lost.',
    'session.feed_opened': ({ takeover }) => (takeover === true ? 'Another encoder took over.' : 'The encoder connected again.'),
    'session.recovered': () => 'The feed is back.',
    'session.input_changed': () => 'The encoder sends another format.',
    'session.abandoned': () => 'The session was given up before it began.',
    'session.ended': ({ reason, fault }) => {
      const why = ({
        BROADCASTER_LEFT: 'the broadcaster left', CHANNEL_STOPPED: 'the channel was stopped', SESSION_ENDED_BY_USER: 'somebody ended it',
        MAX_DURATION: 'the longest duration was reached', NODE_LOST: 'the encoder did not come back after the server’s restart', INGEST_ERROR: 'its media could not be used',
      } as Record<string, string>)[String(reason)];
      const more = ({
        NO_MEDIA: 'no media came', VIDEO_CODEC: 'the video’s format is not known here', AUDIO_CODEC: 'the sound’s format is not known here', MALFORMED: 'it was damaged',
      } as Record<string, string>)[String(fault)];
      return `The session ended${why === undefined ? '' : `: ${why}`}${more === undefined ? '' : ` (${more})`}.`;
    },
  } as Record<string, Telling>,
};
