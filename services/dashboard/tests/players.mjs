#!/usr/bin/env node
// Plays a stream with a player as its makers ship it, in a bare page, and measures.
//   node players.mjs http://127.0.0.1:8080/live/ID/index.m3u8 --player hls|hls-tuned|shaka|shaka-sequence|video [--seconds 60] [--warmup 5] [--json]
// Exit code 0: there was a picture; 1: there was none; 2: wrongly called.
import { commandLine, fail, measure, report, tell, withPage } from './browser.mjs';
import { PLAYERS, servePage } from './player-pages.mjs';

const USAGE = 'usage: players.mjs URL [--player hls|hls-tuned|shaka|shaka-sequence|video] [--seconds N] [--warmup N] [--screenshot FILE] [--json]';

const { url, player: name, seconds, warmup, screenshot, json } = commandLine(USAGE, { player: 'hls', seconds: 60, warmup: 5, screenshot: '', json: false });
const player = PLAYERS[name] ?? fail(USAGE);

const served = await servePage(`<!doctype html><meta charset="utf-8"><title>${name}</title>
<video id="video" class="video-js" muted autoplay playsinline width="960" height="540"></video>
<script src="/${player.script}"></script>
<script>
  window.problems = [];
  const problem = (text) => { window.problems.push(text); };
  const url = ${JSON.stringify(url)};
  const video = document.getElementById('video');
  ${player.begin}
  window.playingDate = playingDate;
</script>`);

const result = await withPage(async (tab) => {
  await tab.goto(served.url);
  await measure(tab);
  await tab.waitForTimeout(seconds * 1000);
  if (screenshot) await tab.screenshot({ path: screenshot });
  return { url, player: name, seconds, ...(await report(tab, { warmupSeconds: warmup })), problems: await tab.evaluate(() => window.problems) };
});
served.close();
process.exitCode = tell(result, json);
