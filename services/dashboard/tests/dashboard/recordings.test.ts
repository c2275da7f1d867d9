import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
// @ts-expect-error plain JavaScript, so that node runs it without a build
import { openBrowser } from '../browser.mjs';
import { ScriptedBroadcast } from '../scripted/broadcast';
import { wantBuild } from '../scripted/pages';
import { Panel } from '../scripted/panel';
import { ALL_SCOPES, ScriptedPlatform, TOKEN } from '../scripted/platform';
import type { Recordings } from '../scripted/recordings';
import { seriousFindings } from './axe';
import { Dashboard, PATIENCE } from './pages';
import { shots } from './screenshots';

let broadcast: ScriptedBroadcast;
let platform: ScriptedPlatform;
let recordings: Recordings;
let browser: BrowserContext;
let dashboard: Dashboard;
let channel: string;
let session: string;
const profile = mkdtempSync(join(tmpdir(), 'sigma-chromium-'));

beforeAll(async () => {
  wantBuild('index.html');
  broadcast = new ScriptedBroadcast();
  platform = new ScriptedPlatform(broadcast);
  new Panel(platform);
  recordings = platform.recordings;
  await platform.up();
  channel = platform.channels.add('Harbour camera').id;
  platform.channels.add('Studio');
  session = platform.channels.begin(channel, 'ENDED', { startedAt: '2026-11-20T17:00:00.000Z', endedAt: '2026-11-20T18:00:00.000Z', endReason: 'BROADCASTER_LEFT' }).id;
  recordings.add(session, 'SOURCE', { files: 2, bytes: 1_420_000_000, expiresAt: '2026-12-20T18:00:00.000Z' });
  recordings.add(session, 'CATCHUP', { durationSeconds: 3_590, wholeDurationSeconds: 3_590, gapsSeconds: 12.5 });
  recordings.add(session, 'CLIP', { title: 'The ferry turns', durationSeconds: 42, wholeDurationSeconds: 42, bytes: 15_700_000 });
  recordings.add(session, 'CATCHUP', { state: 'EXPIRED' });
  browser = (await openBrowser(profile, { locale: 'en-GB', timezoneId: 'UTC', colorScheme: 'light' })) as BrowserContext;
  dashboard = new Dashboard(browser.pages()[0] ?? (await browser.newPage()), platform.origin);
  await dashboard.open('/recordings');
  await dashboard.signIn(TOKEN);
  await dashboard.heading('Recordings');
}, 120_000);

afterAll(async () => {
  await browser?.close();
  platform?.down();
  broadcast?.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

// Nothing from elsewhere, nothing against the policy, no script error.
afterEach(() => { expect(dashboard.faults.splice(0)).toEqual([]); });

const checked = async (what: string) => {
  expect(await seriousFindings(dashboard.page), what).toEqual([]);
  expect(await dashboard.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `${what}: wider than the window`).toBeLessThanOrEqual(0);
};
const shot = (name: string) => shots(dashboard.page, name, { check: checked });
const seen = (text: string | RegExp) => dashboard.page.getByText(text).first().waitFor();
const soon = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: PATIENCE });
const names = () => dashboard.page.locator('.asset-name').allTextContents();
const replay = () => recordings.assets.find(({ kind, state }) => kind === 'CATCHUP' && state === 'READY')?.id ?? '';
const card = (text: string) => dashboard.page.locator('.asset-card', { hasText: text });
/** By the mouse, which wakes the controls: those that sleep take no click. */
const pause = async () => {
  await dashboard.page.locator('video').hover();
  await dashboard.page.locator('.control.play').click();
};
const button = (name: string) => dashboard.page.getByRole('button', { name, exact: true });

describe('recordings', () => {
  it('hang on a wall: what they are, how long, how large and until when', async () => {
    await soon(names).toEqual(['The ferry turns', 'Replay', 'Source record']);
    await soon(() => card('Source record').innerText()).toMatch(/1:00:00.*Harbour camera.*20 Nov 2026, 17:00 · 1\.4\sGB.*Kept until 20 Dec 2026/s);
    await soon(() => card('Replay').locator('img').evaluateAll((images) => images.map((image) => (image as HTMLImageElement).naturalWidth))).toEqual([320]);
    await shot('recordings');
  });

  it('say what they take, by kind and by channel', async () => {
    const storage = dashboard.page.locator('.storage');
    await soon(() => storage.innerText()).toMatch(/2\.8\sGB in 3 recordings/);
    expect(await storage.locator('.storage-kinds li').allInnerTexts()).toEqual([expect.stringMatching(/^Clips: 15\.7\sMB \(1\)$/), expect.stringMatching(/^Replays: 1\.4\sGB \(1\)$/), expect.stringMatching(/^Source records: 1\.4\sGB \(1\)$/)].reverse());
    await button('By channel').click();
    await soon(() => storage.locator('.storage-channels li').allInnerTexts()).toEqual([expect.stringMatching(/^Harbour camera/)]);
    await shot('recordings-storage');
    await button('Less').click();
  });

  it('move under the pointer, and for who comes by the keyboard', async () => {
    const moving = () => dashboard.page.locator('.asset-picture .moving').count();
    // Asked for a little after it stands on the page.
    const previews = () => recordings.looks.filter((look) => look.endsWith('preview.webp')).length;
    await dashboard.page.mouse.move(0, 0);
    await soon(moving).toBe(0);
    await card('Replay').hover();
    await soon(moving).toBe(1);
    await soon(previews).toBe(1);
    await dashboard.page.mouse.move(0, 0);
    await soon(moving).toBe(0);
    await card('The ferry turns').getByRole('link').focus();
    await soon(moving).toBe(1);
    await soon(previews).toBe(2);
    await dashboard.page.evaluate(() => (document.activeElement as HTMLElement).blur());
  });

  it('are picked by kind and by channel, and follow what the platform tells', async () => {
    await dashboard.page.getByRole('radio', { name: 'Replays' }).check({ force: true });
    await soon(names).toEqual(['Replay']);
    recordings.add(session, 'CATCHUP', { state: 'STARTED', durationSeconds: null, bytes: null, readyAt: null });
    await soon(names).toEqual(['Replay', 'Replay']);
    // Its picture is that of what is on air.
    await soon(() => card('Recording').locator('img').count()).toBe(1);
    await shot('recordings-live');
    await dashboard.page.getByRole('radio', { name: 'All', exact: true }).check({ force: true });
    await soon(async () => (await names()).length).toBe(4);
    recordings.change(recordings.assets.find(({ state }) => state === 'STARTED')?.id ?? '', { state: 'FAILED', failure: 'NODE_LOST' });
    await seen('Failed');
    await dashboard.page.getByRole('button', { name: /^All channels/ }).click();
    await dashboard.page.getByRole('option', { name: 'Studio' }).click();
    await seen('Nothing of this kind is recorded yet.');
    await shot('recordings-none');
    await dashboard.page.getByRole('button', { name: /^Studio/ }).click();
    await dashboard.page.getByRole('option', { name: 'Harbour camera' }).click();
    await soon(async () => (await names()).length).toBe(4);
  });

  it('are shown one by one, a source record with its parts as they were sent', async () => {
    await card('Source record').getByRole('link').click();
    await dashboard.heading(/^Source record/);
    const part = dashboard.page.getByRole('link', { name: 'Download part 2' });
    expect(await part.getAttribute('href')).toMatch(/^\/vod\/as_\d+\/source-2\.mp4$/);
    await dashboard.page.getByRole('link', { name: 'Recordings' }).first().click();
    await card('Failed').getByRole('link').click();
    await seen('The server that holds the media is gone. If it comes back, the recording appears by itself.');
  });

  it('are downloaded once their file is made, and that is seen to go on', async () => {
    await dashboard.open(`/recordings/${replay()}`);
    await dashboard.heading(/^Replay/);
    const download = dashboard.page.waitForEvent('download');
    await button('Download').click();
    await dashboard.page.getByRole('progressbar', { name: 'Being made:' }).waitFor();
    expect((await download).suggestedFilename()).toBe(`${replay()}.mp4`);
    await button('Download').waitFor();
    recordings.making = [{ state: 'FAILED', percent: 0, why: 'the disk is full' }];
    await button('Download').click();
    await seen('The file could not be made. (the disk is full)');
    recordings.making = [{ state: 'READY', percent: 100, missing: [{ seconds: 3.2 }, { seconds: 0.4 }] }];
    await button('Try again').click();
    await seen(/^4\ssecs? of it are damaged in the store/);
    recordings.making = [{ state: 'MAKING', percent: 62 }];
    await button('Download').click();
    await seen('Being made: 62%');
    await shot('recording');
    await button('Cancel').click();
    await button('Download').waitFor();
  });

  it('are cut into clips: what is wrong is said at its field, what is right is made', async () => {
    await dashboard.page.getByRole('textbox', { name: 'From' }).fill('10:00');
    await dashboard.page.getByRole('textbox', { name: 'To' }).fill('9:00');
    await button('Make a clip').click();
    await seen('This is not behind the beginning.');
    await dashboard.page.getByRole('textbox', { name: 'To' }).fill('2:00:00');
    await seen('It is only 59:50 long.');
    expect(recordings.log).toEqual([]);
    await dashboard.page.getByRole('textbox', { name: 'To' }).fill('10:12.5');
    await dashboard.page.getByRole('switch', { name: 'Exact to the frame' }).check({ force: true });
    await dashboard.page.getByRole('textbox', { name: 'Title' }).fill('Gulls');
    await button('Make a clip').click();
    await dashboard.told('The clip is ready.');
    await dashboard.heading(/^Gulls/);
    await dashboard.page.locator('.facts').getByText('Exact to the frame').waitFor();
    expect(recordings.log).toEqual([`clip ${replay()} 600 612.5 exact`]);
    await seen('0:12.5');
  });

  it('are marked where the picture stands, step by step, in pieces that are joined', async () => {
    await dashboard.open(`/recordings/${replay()}`);
    const video = dashboard.page.locator('video');
    const time = () => video.evaluate((element: HTMLVideoElement) => element.currentTime);
    const stands = () => dashboard.page.waitForFunction(() => { const element = document.querySelector('video')!; return element.paused && !element.seeking; });
    await soon(time).toBeGreaterThan(0);
    await pause();
    await stands();
    await video.evaluate((element: HTMLVideoElement) => { element.currentTime = 4; });
    await stands();
    await button('One picture on').click();
    await stands();
    // The tape has 15 pictures a second.
    await soon(time).toBeGreaterThan(4 + 0.5 / 15);
    expect(await time()).toBeLessThan(4 + 2.5 / 15);
    await dashboard.page.keyboard.press('i');
    const from = dashboard.page.getByRole('textbox', { name: 'From' });
    await soon(() => from.first().inputValue()).toMatch(/^0:04\.[01]/);
    await video.evaluate((element: HTMLVideoElement) => { element.currentTime = 8; });
    await stands();
    await dashboard.page.keyboard.press('o');
    await soon(() => dashboard.page.getByRole('textbox', { name: 'To' }).first().inputValue()).toBe('0:08');
    await button('Add a piece').click();
    await soon(() => from.nth(1).inputValue()).toBe('0:08');
    await from.nth(1).fill('1:00');
    await dashboard.page.getByRole('textbox', { name: 'To' }).nth(1).fill('0:30');
    await button('Join the pieces').click();
    await seen('This is not behind the beginning.');
    await dashboard.page.getByRole('textbox', { name: 'To' }).nth(1).fill('1:20.5');
    expect(await dashboard.page.locator('.cut-piece').count()).toBe(2);
    await shot('recording-pieces');
    await dashboard.page.getByRole('textbox', { name: 'Title' }).fill('Best of the day');
    await button('Join the pieces').click();
    await dashboard.heading(/^Best of the day/);
    expect(recordings.log.at(-1)).toMatch(new RegExp(`^clip ${replay()} 4\\.\\d+ 8 \\+ 60 80\\.5$`));
  });

  it('have the poster and the chapters that they are given', async () => {
    recordings.change(replay(), { chapters: [{ at: 0, title: 'Beginning' }, { at: 7, title: 'After a break' }] });
    await dashboard.open(`/recordings/${replay()}`);
    const time = () => dashboard.page.locator('video').evaluate((element: HTMLVideoElement) => element.currentTime);
    await soon(time).toBeGreaterThan(0);
    await pause();
    await dashboard.page.getByRole('button', { name: /After a break/ }).click();
    await soon(time).toBeGreaterThanOrEqual(7);
    await seen('Chosen by itself, a third into it.');
    await button('Take the picture shown').click();
    await dashboard.told('This picture stands for it now.');
    await seen(/^The picture at 0:(0[7-9]|1\d)/);
    expect(recordings.log.at(-1)).toMatch(new RegExp(`^poster ${replay()} `));
    await shot('recording-chapters');
  });

  it('are trimmed, and shown whole again', async () => {
    await dashboard.open('/recordings');
    await card('Gulls').getByRole('link').click();
    await dashboard.heading(/^Gulls/);
    await dashboard.page.getByRole('textbox', { name: 'From' }).fill('2');
    await dashboard.page.getByRole('textbox', { name: 'To' }).fill('0:08');
    await button('Show only this part').click();
    await dashboard.told('Only this part is shown now.');
    await seen(/0:06 of 0:12\.5/);
    await button('Show all of it').click();
    await dashboard.told('All of it is shown again.');
    await button('Show only this part').waitFor();
    expect(recordings.log.slice(-2).map((line) => line.split(' ')[0])).toEqual(['trim', 'untrim']);
  });

  it('are deleted after it was said what that does', async () => {
    await button('Delete').click();
    const dialog = dashboard.page.getByRole('alertdialog', { name: 'Delete “Gulls”?' });
    await dialog.getByText('Clips that were cut from it stay.').waitFor();
    await checked('the question');
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
    await dashboard.told('“Gulls” is deleted.');
    await seen('It was deleted.');
    expect(recordings.log.at(-1)).toMatch(/^delete /);
  });
});

describe('a channel and a session', () => {
  it('show what is kept of them', async () => {
    await dashboard.open(`/channels/${channel}`);
    await dashboard.page.getByRole('tab', { name: 'Recordings' }).click();
    await soon(async () => (await names()).length).toBeGreaterThan(2);
    await dashboard.open(`/sessions/${session}`);
    await soon(async () => (await names()).length).toBeGreaterThan(2);
    await shot('session-recorded');
  });

  it('say what retention will delete, and when', async () => {
    await dashboard.open(`/channels/${channel}`);
    await dashboard.page.getByRole('tab', { name: 'Settings' }).click();
    await seen(/^Nothing is deleted by itself\. Recorded already, and not changed by this: 1 recording, 1\.4\sGB, goes on 20 Dec 2026\.$/);
    await dashboard.page.getByRole('button', { name: /Replays are kept/ }).click();
    await dashboard.page.getByRole('option', { name: /For 7 days/ }).click();
    await seen(/Each is deleted by itself 7\sdays after its session has ended: one that ends now, on \d+ \w+ 20\d\d\./);
    await shot('settings-recording');
    await button('Save').click();
    await dashboard.told(/saved/);
    expect(platform.channels.log.at(-1)).toBe(`updated ${channel} catchupRetention`);
    expect(platform.channels.channels.find(({ id }) => id === channel)?.catchupRetention).toBe(604_800);
  });

  it('give a clip of what was just on', async () => {
    broadcast.begin();
    const live = platform.channels.begin(channel, 'LIVE').id;
    await dashboard.open(`/sessions/${live}`);
    await button('Clip').click();
    const dialog = dashboard.page.getByRole('dialog', { name: 'Clip what was just on' });
    await dialog.getByRole('radio', { name: '1 min' }).check({ force: true });
    await dialog.getByRole('textbox', { name: 'Title' }).fill('Just now');
    await checked('the clip dialog');
    await dialog.getByRole('button', { name: 'Make a clip' }).click();
    await dashboard.heading(/^Just now/);
    expect(recordings.log.at(-1)).toBe(`clip ${live} -60 0`);
  });

  it('show nothing of it to who may not see it', async () => {
    platform.scopes = ALL_SCOPES.filter((scope) => !scope.startsWith('assets:'));
    await dashboard.open(`/channels/${channel}`);
    await dashboard.heading('Harbour camera');
    expect(await dashboard.page.getByRole('tab', { name: 'Recordings' }).count()).toBe(0);
    await dashboard.open('/recordings');
    await seen(/assets:read/);
    platform.scopes = ALL_SCOPES;
  });

  it('are spoken of in Vietnamese', async () => {
    await dashboard.page.evaluate(() => localStorage.setItem('sigma.language', 'vi'));
    await dashboard.open('/recordings');
    await dashboard.heading('Bản ghi');
    await shot('recordings-vi');
    await dashboard.page.evaluate(() => localStorage.removeItem('sigma.language'));
  });
});
