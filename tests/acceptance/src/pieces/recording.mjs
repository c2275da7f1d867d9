// A broadcast with everything that happens to one, and all that is kept of it: nothing is lost, nothing is there twice, everything plays.
import { join as path } from 'node:path';
import { held, offsets } from '../access-units.mjs';
import { distinctClip } from '../broadcast.mjs';
import { Broadcaster } from '../broadcaster.mjs';
import { join } from '../flv.mjs';
import { brokenIn, judged, rulesOf } from '../judged.mjs';
import { packets } from '../packets.mjs';
import { keepParts } from '../parts.mjs';
import { Platform } from '../platform.mjs';
import { play, tour } from '../playback.mjs';
import { eventually, sleep, temporaryFolder } from '../process.mjs';
import { clipOf, contents, fetched, here, owned, whenKept } from '../recordings.mjs';

const SECONDS = Number(process.env.SIGMA_SECONDS ?? 600);
/** For what is looked at while it is on air. */
const SPARE_SECONDS = 300;
/** When, as a share of the broadcast: the encoder crashes and comes back, the server is killed, the format changes, the encoder crashes again. */
const [LOST, KILLED, CHANGED, LOST_AGAIN, LOOKED_AT] = [0.25, 0.4, 0.6, 0.8, 0.88];
/** How far sound may stand from picture, against how they were sent, in milliseconds. */
const OFFSET_MS = 40;

export const title = `A broadcast of ${SECONDS} s with two reconnects, a change of its resolution and a kill -9 of the server, and all that is kept of it`;

/** Points of time in what viewers see, at which the format or the feed changes: seconds of media before each. */
function breaks(playlist) {
  let seconds = 0;
  const found = [];
  for (const segment of playlist.segments.filter(({ gap }) => !gap)) {
    if (segment.discontinuity && seconds > 0) found.push(seconds);
    seconds += segment.duration;
  }
  return found;
}

export async function run(piece) {
  const half = SECONDS * CHANGED;
  const folder = temporaryFolder('recording');
  const file = path(folder, 'sent.flv');
  const clips = [await distinctClip(Math.ceil(half)), await distinctClip(Math.ceil(SECONDS - half) + SPARE_SECONDS, { size: '854x480', kilobits: 800, begins: Math.ceil(half) })];
  join(clips, file);
  const sent = { v: await packets(file, 'v'), a: await packets(file, 'a') };
  const alike = ['v', 'a'].map((track) => sent[track].length - new Set(sent[track].map(({ hash }) => hash)).size);
  if (alike.some((count) => count > 0)) throw new Error(`access units of the clip are alike: ${alike}`);

  const platform = await Platform.start();
  const channel = await platform.channel('recording', { latencyMode: 'ULTRA_LOW', reconnectWindow: 60, dvrWindow: 3600 });
  const encoder = new Broadcaster(file, channel.push);
  const until = (share) => sleep(Math.max(0, encoder.began + share * SECONDS * 1000 - Date.now()));
  await platform.whenPlayable(channel);
  const { viewer, end } = await keepParts(channel);
  await until(LOST);
  piece.say('the encoder is lost for 3 s');
  await encoder.lose(3);
  await until(KILLED);
  piece.say('the server is killed');
  viewer.forgive = true;
  await platform.kill();
  await encoder.program.ended;
  await sleep(1500);
  await platform.launch();
  await sleep(500);
  encoder.dial();
  const session = await platform.whenState(channel, 'LIVE', 40_000);
  viewer.forgive = false;
  await until(LOST_AGAIN);
  piece.say('the encoder is lost for 3 s again');
  await encoder.lose(3);
  await until(LOOKED_AT);

  piece.say('it is rewound to and clipped, on air');
  const dvr = here(platform, `/live/${channel.playbackId}/dvr.m3u8`);
  const rewound = await tour(dvr);
  const onAir = await fetched(dvr);
  const onAirReport = await judged(dvr, 20);
  const across = [];
  const points = breaks(onAir.playlist);
  for (const at of points) {
    const clip = await clipOf(platform, { sessionId: session.id, from: at - 6, to: at + 6, title: 'Across' });
    across.push({ at, clip, url: here(platform, clip.playbackUrl) });
  }
  await until(1);
  await encoder.program.end('SIGINT');
  const ended = await platform.whenState(channel, 'ENDED', 20_000);
  const kept = await whenKept(platform, session);
  await eventually('ENDLIST', 10_000, () => viewer.ended);
  const listed = await contents(await end());

  piece.rule('one session, ended by its broadcaster', ended.endReason === 'BROADCASTER_LEFT' && (await platform.sessions(channel)).length === 1, ended.endReason);
  piece.rule('the live playlist was without a fault', viewer.faults.length === 0, viewer.faults.join('; ') || `${viewer.parts.size} parts, ${viewer.gapSeconds.toFixed(1)} s of gaps, ${viewer.discontinuities} discontinuities`);
  piece.rule('rewind plays in Chromium from its beginning, across every break, to the edge', rewound.wrong.length === 0 && points.length === 4, rewound.wrong.join('; ') || rewound.told);
  piece.rule('all that rewind lists is there', onAir.wrong.length === 0, onAir.wrong.slice(0, 4).join('; ') || `${onAir.playlist.segments.length} segments`);
  const readyMs = Date.parse(kept.catchup.readyAt) - Date.parse(ended.endedAt);
  piece.aim('the catchup is ready within 1 s of the end', readyMs <= 1000, `${readyMs} ms`);

  const catchupUrl = here(platform, kept.catchup.playbackUrl);
  const catchup = await fetched(catchupUrl);
  const seen = await contents(catchup.files);
  const sources = kept.source.sourceUrls.map((url) => owned(platform, here(platform, url)));
  const files = await Promise.all(sources.map((url) => contents([url])));
  const record = { v: files.flatMap(({ v }) => v), a: files.flatMap(({ a }) => a), complaints: files.flatMap(({ complaints }) => complaints), seconds: files.reduce((sum, { seconds }) => sum + seconds, 0) };
  piece.rule('two files of source, for there were two formats', sources.length === 2, `${sources.length}`);
  piece.rule('ffprobe reads, and ffmpeg decodes without a word, the source files', record.complaints.length === 0, record.complaints.join('; ') || `${record.seconds.toFixed(1)} s`);
  piece.rule('and the catchup, format by format', seen.complaints.length === 0 && catchup.wrong.length === 0, [...seen.complaints, ...catchup.wrong].join('; ') || `${seen.seconds.toFixed(1)} s in ${catchup.files.length} formats`);
  for (const [what, found] of [['source', record], ['catchup', seen]]) {
    for (const [track, name] of [['v', 'video'], ['a', 'audio']]) {
      const { missing, firstMissing, doubled, inOrder } = held(listed[track], found[track]);
      piece.rule(`every ${name} access unit of every listed part is in the ${what} exactly once, in order`, listed[track].length > 0 && missing + doubled === 0 && inOrder,
        `${listed[track].length} listed, ${found[track].length} in the ${what}, ${missing} missing${missing > 0 ? ` (${firstMissing})` : ''}, ${doubled} twice${inOrder ? '' : ', in another order'}`);
      const strange = held(found[track], sent[track]);
      piece.rule(`and each of the ${what} was sent, byte for byte, in that order`, strange.missing === 0 && strange.inOrder, `${strange.missing} were not${strange.missing > 0 ? `, ${strange.firstMissing}` : ''}; ${sent[track].length - found[track].length} of ${sent[track].length} were sent while nobody listened, or not at all`);
    }
    const { least, most, count } = offsets(sent, found);
    piece.rule(`A/V offset within ${OFFSET_MS} ms throughout the ${what}`, count > 0 && Math.max(-least, most) <= OFFSET_MS, `sound against picture moved by ${least.toFixed(1)} to ${most.toFixed(1)} ms at ${count} frames of sound`);
  }

  for (const [index, url] of sources.entries()) {
    const { wrong, told } = await tour(url, { isFile: true });
    piece.rule(`source file ${index + 1} plays in Chromium`, wrong.length === 0, wrong.join('; ') || told);
  }
  const shown = await tour(catchupUrl);
  piece.rule('the catchup plays in Chromium, across every break', shown.wrong.length === 0 && shown.breaks.length === points.length, shown.wrong.join('; ') || shown.told);
  for (const { at, clip, url } of across) {
    const pieces = await fetched(url);
    const found = await contents(pieces.files);
    const strange = held(found.v, seen.v);
    const { wrong, told } = await tour(url);
    piece.rule(`a clip across the break at ${at.toFixed(1)} s, cut on air: decodes, is of the catchup, plays in Chromium`, [...found.complaints, ...pieces.wrong, ...wrong].length === 0 && strange.missing === 0 && strange.inOrder && found.v.length > 0,
      [...found.complaints, ...pieces.wrong, ...wrong].join('; ') || `ready after ${clip.ms} ms, ${clip.durationSeconds} s; ${told}`);
  }
  await downloaded(piece, platform, kept.source, sent, files);
  await storyboard(piece, catchupUrl, kept.catchup);
  const reports = [['rewind, on air', onAirReport], ['the catchup', await judged(catchupUrl, 20)], ['a clip', await judged(across[0].url, 20)]];
  for (const [what, report] of reports) {
    const broken = brokenIn(report);
    piece.rule(`hls-check finds nothing broken in ${what}`, broken.length === 0, broken.join('; ') || `${rulesOf(report, 'kept').length} rules kept`);
  }
}

/** The files to take away, whose heads are made when somebody asks: one for each format, as of the source. */
async function downloaded(piece, platform, source, sent, files) {
  for (const [index, of] of files.entries()) {
    const name = index === 0 ? 'download.mp4' : `download-${index + 1}.mp4`;
    const address = owned(platform, platform.url(`/vod/${source.id}/${name}`));
    const began = Date.now();
    const made = await eventually('the download is made', 300_000, async () => {
      const now = await (await fetch(owned(platform, platform.url(`/vod/${source.id}/download.json`)))).json();
      return now.state === 'MAKING' ? undefined : now;
    }, 100);
    const took = Date.now() - began;
    const found = await contents([address]);
    const strange = ['v', 'a'].map((track) => held(of[track], found[track]));
    const whole = strange.every(({ missing, doubled, inOrder }) => missing + doubled === 0 && inOrder) && ['v', 'a'].every((track) => found[track].length === of[track].length);
    const { least, most } = offsets(sent, found);
    piece.rule(`${name} is made, decodes without a word and has every access unit of its source file once, sound within ${OFFSET_MS} ms of its picture`, made.state === 'READY' && found.complaints.length === 0 && whole && Math.max(-least, most) <= OFFSET_MS,
      [JSON.stringify(made), ...found.complaints, `${found.v.length} pictures and ${found.a.length} sounds of ${of.v.length} and ${of.a.length}, ready after ${took} ms, sound moved by ${least.toFixed(1)} to ${most.toFixed(1)} ms`].join('; '));
    const { wrong, told } = await tour(address, { isFile: true });
    piece.rule(`${name} plays in Chromium`, wrong.length === 0, wrong.join('; ') || told);
  }
}

/** Pictures of all of it, as a player's bar of time shows them. */
async function storyboard(piece, catchupUrl, catchup) {
  const address = new URL('storyboard.vtt', catchupUrl);
  const text = await (await fetch(address)).text();
  const cues = [...text.matchAll(/(\d+):(\d\d):(\d\d\.\d+) --> (\d+):(\d\d):(\d\d\.\d+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)/g)].map((cue) => {
    const seconds = (from) => Number(cue[from]) * 3600 + Number(cue[from + 1]) * 60 + Number(cue[from + 2]);
    return { from: seconds(1), to: seconds(4), sheet: cue[7], right: Number(cue[8]) + Number(cue[10]), bottom: Number(cue[9]) + Number(cue[11]) };
  });
  const sheets = [...new Set(cues.map(({ sheet }) => sheet))];
  const began = Date.now();
  let waited = 0;
  for (const sheet of sheets) {
    // A machine that is busy makes pictures last, and says so.
    await eventually('a sheet is made', 120_000, async () => {
      const answer = await fetch(new URL(sheet, address));
      await answer.arrayBuffer();
      waited += answer.status === 503 ? 1 : 0;
      return answer.status !== 503;
    }, 2000);
  }
  const player = await play(catchupUrl);
  const sizes = await player.pictures(sheets.map((sheet) => new URL(sheet, address).href));
  const took = Date.now() - began;
  await player.close();
  const outside = cues.filter(({ sheet, right, bottom }) => { const size = sizes[sheets.indexOf(sheet)]; return size === null || right > size[0] || bottom > size[1]; });
  const inOrder = cues.every(({ from }, index) => index === 0 || from === cues[index - 1].to);
  const covered = cues.length > 0 && cues[0].from === 0 && Math.abs(cues.at(-1).to - catchup.durationSeconds) < 1;
  piece.rule('every sheet of the storyboard loads in Chromium and holds its pictures, from the beginning to the end', cues.length > 1 && outside.length === 0 && inOrder && covered,
    `${cues.length} pictures on ${sheets.length} sheets in ${took} ms (${waited} times told to come again), ${outside.length} outside their sheet, from ${cues[0]?.from} to ${cues.at(-1)?.to} s of ${catchup.durationSeconds} s${inOrder ? '' : ', with holes'}`);
}
