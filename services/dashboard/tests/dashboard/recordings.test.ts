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
const names = () => dashboard.page.locator('.assets tbody th a').allTextContents();
const button = (name: string) => dashboard.page.getByRole('button', { name, exact: true });

describe('recordings', () => {
  it('are listed with what they are, how long, how large and until when', async () => {
    await soon(names).toEqual(['The ferry turns', 'Replay', 'Source record']);
    const source = dashboard.page.locator('.assets tbody tr', { hasText: 'Source record' });
    await soon(() => source.innerText()).toMatch(/Harbour camera.*1:00:00.*1\.4\sGB.*20 Dec 2026/s);
    await shot('recordings');
  });

  it('are picked by kind, and follow what the platform tells', async () => {
    await dashboard.page.getByRole('radio', { name: 'Replays' }).check({ force: true });
    await soon(names).toEqual(['Replay']);
    recordings.add(session, 'CATCHUP', { state: 'STARTED', durationSeconds: null, bytes: null, readyAt: null });
    await soon(names).toEqual(['Replay', 'Replay']);
    await seen('Recording');
    await dashboard.page.getByRole('radio', { name: 'All' }).check({ force: true });
    await soon(async () => (await names()).length).toBe(4);
    recordings.change(recordings.assets.find(({ state }) => state === 'STARTED')?.id ?? '', { state: 'FAILED', failure: 'NODE_LOST' });
    await seen('Failed');
  });

  it('are shown one by one, with their parts to download', async () => {
    await dashboard.page.getByRole('link', { name: 'Source record' }).click();
    await dashboard.heading(/^Source record/);
    const part = dashboard.page.getByRole('link', { name: 'Download part 2' });
    expect(await part.getAttribute('href')).toMatch(/^\/vod\/as_\d+\/source-2\.mp4$/);
    await dashboard.page.getByRole('link', { name: 'Recordings' }).first().click();
    await dashboard.page.locator('.assets tbody tr', { hasText: 'Failed' }).getByRole('link').click();
    await seen('The server that holds the media is gone. If it comes back, the recording appears by itself.');
  });

  it('are cut into clips: what is wrong is said at its field, what is right is made', async () => {
    const catchup = recordings.assets.find(({ kind, state }) => kind === 'CATCHUP' && state === 'READY');
    await dashboard.open(`/recordings/${catchup?.id}`);
    await dashboard.heading(/^Replay/);
    await seen('0:12.5, while the feed was lost');
    await shot('recording');
    await dashboard.page.getByRole('textbox', { name: 'From' }).fill('10:00');
    await dashboard.page.getByRole('textbox', { name: 'To' }).fill('9:00');
    await button('Make a clip').click();
    await seen('This is not behind the beginning.');
    await dashboard.page.getByRole('textbox', { name: 'To' }).fill('2:00:00');
    await seen('It is only 59:50 long.');
    expect(recordings.log).toEqual([]);
    await dashboard.page.getByRole('textbox', { name: 'To' }).fill('10:12.5');
    await dashboard.page.getByRole('textbox', { name: 'Title' }).fill('Gulls');
    await button('Make a clip').click();
    await dashboard.told('The clip is ready.');
    await dashboard.heading(/^Gulls/);
    expect(recordings.log).toEqual([`clip ${catchup?.id} 600 612.5`]);
    await seen('0:12.5');
  });

  it('are trimmed, and shown whole again', async () => {
    await dashboard.page.getByRole('textbox', { name: 'From' }).fill('2');
    await dashboard.page.getByRole('textbox', { name: 'To' }).fill('0:08');
    await button('Show only this part').click();
    await dashboard.told('Only this part is shown now.');
    await seen(/0:06 of 0:12\.5/);
    await button('Show all of it').click();
    await dashboard.told('All of it is shown again.');
    await button('Show only this part').waitFor();
    expect(recordings.log.slice(1).map((line) => line.split(' ')[0])).toEqual(['trim', 'untrim']);
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
    await seen('Nothing is deleted by itself.');
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
