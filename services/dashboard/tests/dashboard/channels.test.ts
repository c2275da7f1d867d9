import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// @ts-expect-error plain JavaScript, so that node runs it without a build
import { openBrowser } from '../browser.mjs';
import { ScriptedBroadcast } from '../scripted/broadcast';
import { wantBuild } from '../scripted/pages';
import { ALL_SCOPES, ScriptedPlatform, TOKEN } from '../scripted/platform';
import { seriousFindings } from './axe';
import { Dashboard, PATIENCE } from './pages';
import { shots } from './screenshots';

let broadcast: ScriptedBroadcast;
let platform: ScriptedPlatform;
let browser: BrowserContext;
let dashboard: Dashboard;
const profile = mkdtempSync(join(tmpdir(), 'sigma-chromium-'));

beforeAll(async () => {
  wantBuild('index.html');
  broadcast = new ScriptedBroadcast();
  platform = new ScriptedPlatform(broadcast);
  await platform.up();
  browser = (await openBrowser(profile, { locale: 'en-GB', timezoneId: 'UTC', colorScheme: 'light', permissions: ['clipboard-read', 'clipboard-write'] })) as BrowserContext;
  dashboard = new Dashboard(browser.pages()[0] ?? (await browser.newPage()), platform.origin);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  platform?.down();
  broadcast?.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

/** Looked at by axe-core, at each width and in both schemes. */
const checked = async (what: string) => {
  expect(await seriousFindings(dashboard.page), what).toEqual([]);
  expect(await dashboard.page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)), `${what}: wider than the window`).toBe(0);
};
const shot = (name: string) => shots(dashboard.page, name, { check: checked });
/** What lies over the page, or a page that is long: as far as the window shows it. */
const windowShot = (name: string) => shots(dashboard.page, name, { whole: false, check: checked });
const clipboard = () => dashboard.page.evaluate(() => navigator.clipboard.readText());
const soon = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: PATIENCE });
/** How often it was asked for. */
const asked = (operation: string) => platform.asked.filter((name) => name === operation).length;

describe('signing in', () => {
  it('asks for a token, says what is wrong with it, and goes to where one wanted to be', async () => {
    await dashboard.open('/channels?sort=NAME');
    await dashboard.heading('Sigma Livestream');
    await dashboard.page.getByText('/var/lib/sigma/admin-token').waitFor();
    await shot('sign-in');
    await dashboard.signIn('sgm_wrong');
    await dashboard.page.getByText(/This token is not valid/).waitFor();
    expect(await dashboard.page.evaluate(() => document.activeElement?.tagName)).toBe('INPUT');
    await dashboard.signIn(TOKEN);
    await dashboard.heading('Channels');
    expect(new URL(dashboard.page.url()).search).toBe('?sort=NAME');
  });
});

describe('the list of channels', () => {
  it('is empty at first, and says what to do', async () => {
    await dashboard.open('/channels');
    await dashboard.page.getByText('Your first channel is one step away').waitFor();
    await shot('channels-empty');
  });

  it('is filled by what happens, in order', async () => {
    platform.channels.add('Harbour camera');
    platform.channels.add('Sunday service', { state: 'STOP' });
    await dashboard.seesChannels(['Sunday service', 'Harbour camera']);
    const harbour = platform.channels.channels[0]!;
    const session = platform.channels.begin(harbour.id, 'LIVE');
    await expect.poll(() => dashboard.page.locator('.channel-item', { hasText: 'Harbour' }).locator('.badge').textContent(), { timeout: PATIENCE }).toBe('Live');
    platform.channels.end(session.id, 'BROADCASTER_LEFT');
    await expect.poll(() => dashboard.page.locator('.channel-item', { hasText: 'Harbour' }).locator('.badge').textContent(), { timeout: PATIENCE }).toBe('Idle');
  });

  it('searches, filters and sorts, and keeps that in the address', async () => {
    await dashboard.page.getByRole('searchbox').fill('sund');
    await dashboard.seesChannels(['Sunday service']);
    expect(dashboard.page.url()).toContain('search=sund');
    await dashboard.page.getByRole('searchbox').fill('nothing like it');
    await dashboard.page.getByText('No channel matches').waitFor();
    await dashboard.page.getByRole('button', { name: 'Clear search and filter' }).click();
    await dashboard.seesChannels(['Sunday service', 'Harbour camera']);
    await dashboard.page.locator('.segment', { hasText: 'Stopped' }).click();
    await dashboard.seesChannels(['Sunday service']);
    await dashboard.page.locator('.segment', { hasText: 'All' }).click();
    await dashboard.page.getByRole('button', { name: 'Sort' }).click();
    await dashboard.page.getByRole('option', { name: 'By name' }).click();
    await dashboard.seesChannels(['Harbour camera', 'Sunday service']);
  });

  it('has a thousand channels at hand without a jump', async () => {
    for (let at = 0; at < 1_000; at += 1) platform.channels.add(`Camera ${String(at).padStart(4, '0')}`);
    const live = platform.channels.channels.filter(({ name }) => /Camera 00[0-1]/.test(name));
    for (const channel of live) platform.channels.begin(channel.id, channel.name.endsWith('7') ? 'ERROR' : channel.name.endsWith('3') ? 'PROCESSING' : 'LIVE');
    await dashboard.open('/channels?sort=NAME');
    await expect.poll(() => dashboard.page.locator('.channel-item .badge').count(), { timeout: PATIENCE }).toBeGreaterThanOrEqual(40);
    await windowShot('channels-busy');
    for (let scrolled = 0; scrolled < 20; scrolled += 1) {
      const before = await dashboard.page.locator('.channel-item').count();
      if (before >= 1_002) break;
      await dashboard.page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
      await expect.poll(() => dashboard.page.locator('.channel-item').count(), { timeout: PATIENCE }).toBeGreaterThan(before);
    }
    expect(await dashboard.page.locator('.channel-item').count()).toBe(1_002);
    // Something changes: the rows stay where they are.
    const target = dashboard.page.locator('.channel-item', { hasText: 'Camera 0500' });
    await target.scrollIntoViewIfNeeded();
    const before = await target.boundingBox();
    const channel = platform.channels.channels.find(({ name }) => name === 'Camera 0500')!;
    platform.channels.begin(channel.id, 'LIVE');
    await expect.poll(() => target.locator('.badge').textContent(), { timeout: PATIENCE }).toBe('Live');
    expect(await target.boundingBox()).toEqual(before);
  });
});

describe('a channel', () => {
  beforeAll(() => {
    platform.channels.channels.splice(2);
    platform.channels.sessions.splice(0);
  });

  it('is made in one step, and its page says how to push', async () => {
    await dashboard.open('/channels');
    await dashboard.page.getByRole('button', { name: 'New channel' }).click();
    await dashboard.page.getByRole('button', { name: 'More settings' }).click();
    await windowShot('channel-create');
    await dashboard.page.keyboard.press('Escape');
    await dashboard.createChannel('Evening talk');
    await dashboard.told(/is ready/);
    await dashboard.page.getByText('Nothing on air').waitFor();
    expect(await dashboard.page.getByText('rtmp://studio.example:1935/live').count()).toBeGreaterThan(0);
    expect(platform.channels.log).toEqual([]);
    await shot('channel-idle');
  });

  it('says which field is wrong', async () => {
    await dashboard.open('/channels');
    await dashboard.page.getByRole('button', { name: 'New channel' }).click();
    await dashboard.page.keyboard.press('Enter');
    await dashboard.page.getByText('Give the channel a name.').waitFor();
    await dashboard.page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill('refuse me');
    await dashboard.page.keyboard.press('Enter');
    await dashboard.page.getByText('a name of this kind is not taken').waitFor();
    await dashboard.page.keyboard.press('Escape');
    await dashboard.openChannel('Evening talk');
  });

  it('keeps the key to itself until it is asked for, and tells that this is noted', async () => {
    expect(await dashboard.keyShown()).toMatch(/^•+/);
    const channel = platform.channels.channels.at(-1)!;
    await dashboard.page.getByRole('button', { name: 'Copy Stream key' }).click();
    await dashboard.told('Key copied. That is noted in the log.');
    expect(await clipboard()).toBe(channel.streamKey);
    expect(await dashboard.keyShown()).toMatch(/^•+/);
    expect(await dashboard.showKey()).toBe(channel.streamKey);
    expect(platform.channels.log).toEqual([`key_shown ${channel.id}`, `key_shown ${channel.id}`]);
    await dashboard.page.getByRole('button', { name: 'Hide key' }).click();
    await expect.poll(() => dashboard.keyShown()).toMatch(/^•+/);
  });

  it('gives commands for ffmpeg and GStreamer', async () => {
    const channel = platform.channels.channels.at(-1)!;
    await dashboard.page.getByText('ffmpeg', { exact: true }).click();
    await dashboard.page.getByRole('button', { name: 'Copy Command', exact: true }).click();
    expect(await clipboard()).toContain('"rtmp://studio.example:1935/live/$SIGMA_KEY"');
    await dashboard.page.getByRole('button', { name: 'Copy command with the key' }).click();
    await expect.poll(clipboard).toContain(`'rtmp://studio.example:1935/live/${channel.streamKey}'`);
    await shot('channel-ffmpeg');
    await dashboard.page.getByText('GStreamer', { exact: true }).click();
    await dashboard.page.getByText(/gst-launch-1.0/).waitFor();
    await dashboard.page.getByText('OBS', { exact: true }).click();
  });

  it('names the encrypted server first where there is one', async () => {
    const servers = async () => (await dashboard.page.locator('.push-fields code').allTextContents()).filter((text) => text.startsWith('rtmp'));
    expect(await servers()).toEqual(['rtmp://studio.example:1935/live']);
    platform.channels.secure = true;
    platform.channels.change(platform.channels.channels.at(-1)!.id, {});
    await expect.poll(servers).toEqual(['rtmps://studio.example:1936/live', 'rtmp://studio.example:1935/live']);
    await dashboard.page.getByText('Server, not encrypted').waitFor();
    await shot('channel-secure');
    await dashboard.page.getByText('ffmpeg', { exact: true }).click();
    await dashboard.page.getByText(/"rtmps:\/\/studio.example:1936\/live\/\$SIGMA_KEY"/).waitFor();
    await dashboard.page.getByText('OBS', { exact: true }).click();
    platform.channels.secure = false;
    platform.channels.change(platform.channels.channels.at(-1)!.id, {});
    await expect.poll(servers).toEqual(['rtmp://studio.example:1935/live']);
  });

  it('gets a new key, the old one going on for a while', async () => {
    const channel = platform.channels.channels.at(-1)!;
    await dashboard.rotateKey('1 day');
    expect(platform.channels.log).toContain(`rotated ${channel.id} 86400`);
    expect(await dashboard.keyShown()).toBe(channel.streamKey);
  });

  it('shows the picture of a session before it is public, and goes live', async () => {
    const channel = platform.channels.channels.at(-1)!;
    platform.channels.change(channel.id, { autoGoLive: false });
    const session = platform.channels.begin(channel.id, 'INIT');
    await dashboard.page.getByText('An encoder has connected').waitFor();
    broadcast.begin();
    platform.channels.changeSession(session.id, { state: 'PROCESSING', input: { protocol: 'RTMP', encoder: 'OBS Studio 30.2.3', videoCodec: 'H264', width: 1920, height: 1080, frameRate: 60, audioCodec: 'AAC', bitrate: 6_160_000 } });
    await expect.poll(() => dashboard.playerState(), { timeout: PATIENCE }).toBe('playing');
    await dashboard.page.getByText('1920×1080, 60 fps').waitFor();
    await shot('channel-preview');
    await dashboard.goLive();
    await expect.poll(() => dashboard.page.locator('.under-stage .badge').first().textContent(), { timeout: PATIENCE }).toBe('Live');
    await expect.poll(() => dashboard.page.locator('.under-stage').textContent(), { timeout: PATIENCE }).toMatch(/\d\u00a0s behind/);
    await shot('channel-live');
  });

  it('says on air what cannot be changed, and sends only what was changed', async () => {
    const channel = platform.channels.channels.at(-1)!;
    await dashboard.tab('Settings');
    expect(await dashboard.page.getByRole('radio', { name: /Ultra-low/ }).isDisabled()).toBe(true);
    await dashboard.page.getByText(/Cannot be changed while the channel is on air/).first().waitFor();
    await dashboard.page.getByLabel('Reconnect window').fill('9000');
    await dashboard.page.getByText('A whole number from 0 to 3600.').waitFor();
    await shot('channel-settings');
    await dashboard.page.getByLabel('Reconnect window').fill('90');
    await dashboard.page.getByRole('button', { name: 'Save' }).click();
    await dashboard.told(/Settings of .* saved/);
    expect(platform.channels.log.at(-1)).toBe(`updated ${channel.id} reconnectWindow`);
    expect(channel.reconnectWindow).toBe(90);
  });

  it('lists its sessions, page by page', async () => {
    const channel = platform.channels.channels.at(-1)!;
    for (let day = 1; day <= 25; day += 1) {
      const at = (hour: number) => new Date(Date.UTC(2026, 8, day, hour)).toISOString();
      platform.channels.begin(channel.id, 'ENDED', { startedAt: at(9), liveAt: at(9), endedAt: at(11), endReason: day % 3 === 0 ? 'MAX_DURATION' : 'BROADCASTER_LEFT' });
    }
    await dashboard.tab('Sessions');
    await expect.poll(() => dashboard.page.locator('.sessions-table tbody tr').count(), { timeout: PATIENCE }).toBe(20);
    await shot('channel-sessions');
    await dashboard.page.getByRole('button', { name: 'Show more' }).click();
    await expect.poll(() => dashboard.page.locator('.sessions-table tbody tr').count(), { timeout: PATIENCE }).toBe(26);
  });

  it('tells what deleting and stopping will do, and does it', async () => {
    const channel = platform.channels.channels.at(-1)!;
    await dashboard.chooseAction('Delete channel');
    await dashboard.page.getByText('The channel is on air. Stop it first').waitFor();
    await dashboard.page.keyboard.press('Escape');
    await dashboard.chooseAction('Stop channel');
    await dashboard.page.getByText('The broadcast on air ends at once').waitFor();
    await windowShot('channel-stop');
    await dashboard.page.keyboard.press('Escape');
    // The focus goes back to where it was.
    await expect.poll(() => dashboard.page.evaluate(() => document.activeElement?.getAttribute('aria-label')), { timeout: PATIENCE }).toBe('More actions');
    await dashboard.stopChannel();
    broadcast.end();
    await dashboard.page.getByText('No encoder is let in.').waitFor();
    await dashboard.startChannel();
    await dashboard.chooseAction('Delete channel');
    expect(await dashboard.page.getByRole('alertdialog').getByRole('button', { name: 'Delete channel' }).isDisabled()).toBe(true);
    await dashboard.page.keyboard.press('Escape');
    await dashboard.deleteChannel('Evening talk');
    await dashboard.told(/is deleted/);
    expect(platform.channels.log).toContain(`deleted ${channel.id}`);
    await dashboard.seesChannels(['Sunday service', 'Harbour camera']);
    await dashboard.open(`/channels/${channel.id}`);
    await dashboard.heading('This channel does not exist');
    await shot('channel-missing');
    const guest = platform.channels.add('Guest of the house');
    await dashboard.open(`/channels/${guest.id}`);
    await dashboard.eraseChannel('Guest of the house');
    await dashboard.told('what was personal about it is erased');
    expect(platform.channels.log).toContain(`erased ${guest.id}`);
  });
});

describe('the connection', () => {
  it('is said to be lost, and heals by itself with all that was missed', async () => {
    await dashboard.open('/channels');
    await dashboard.seesChannels(['Sunday service', 'Harbour camera']);
    await dashboard.page.evaluate(() => { (window as unknown as { kept: boolean }).kept = true; });
    platform.down();
    await dashboard.connectionLost();
    await windowShot('connection-lost');
    platform.channels.add('Made meanwhile');
    await platform.up();
    await dashboard.connectionFine();
    await dashboard.seesChannels(['Made meanwhile', 'Sunday service', 'Harbour camera']);
    // The subscription lives again too, and the page was never loaded anew.
    await expect.poll(() => platform.channels.followers, { timeout: PATIENCE }).toBeGreaterThan(0);
    platform.channels.add('Made after');
    await dashboard.seesChannels(['Made after', 'Made meanwhile', 'Sunday service', 'Harbour camera']);
    expect(await dashboard.page.evaluate(() => (window as unknown as { kept?: boolean }).kept)).toBe(true);
  });

  it('mends a socket that breaks alone', async () => {
    const before = platform.channels.followers;
    platform.cut();
    await soon(() => platform.channels.followers).toBe(0);
    await soon(() => platform.channels.followers).toBe(before);
    platform.channels.add('After the cut');
    await dashboard.seesChannels(['After the cut', 'Made after', 'Made meanwhile', 'Sunday service', 'Harbour camera']);
  });

  it('misses nothing that happens before its socket is open', async () => {
    platform.channels.channels.splice(2);
    const open = platform.hold('socket');
    await dashboard.open('/channels');
    await dashboard.seesChannels(['Sunday service', 'Harbour camera']);
    platform.channels.add('Before the socket');
    open();
    await dashboard.seesChannels(['Before the socket', 'Sunday service', 'Harbour camera']);
  });

  it('takes what it is told for newer than an answer that was on its way', async () => {
    platform.channels.channels.splice(2);
    const before = asked('Channels');
    const first = platform.hold('Channels');
    await dashboard.open('/channels');
    await soon(() => [asked('Channels') - before, platform.channels.followers]).toEqual([1, 1]);
    const again = platform.hold('Channels');
    const told = platform.channels.add('Told before the answer');
    // Nobody is told of this one: where it is seen, the second answer is there.
    platform.channels.channels.push({ ...told, id: 'ch_000000', name: 'Never told', createdAt: '2026-01-01T00:00:00.000Z' });
    first();
    await dashboard.seesChannels(['Told before the answer', 'Sunday service', 'Harbour camera']);
    await soon(() => asked('Channels') - before).toBe(2);
    platform.channels.change(told.id, { state: 'STOP' });
    const badge = () => dashboard.page.locator('.channel-item', { hasText: told.name }).locator('.badge').textContent();
    await soon(badge).toBe('Stopped');
    again();
    await dashboard.seesChannels(['Told before the answer', 'Sunday service', 'Harbour camera', 'Never told']);
    expect(await badge()).toBe('Stopped');
    platform.channels.channels.splice(2);
  });

  it('reads a list on though it is read anew meanwhile', async () => {
    const harbour = platform.channels.channels[0]!;
    const sessions = Array.from({ length: 70 }, (_, day) => platform.channels.begin(harbour.id, 'ENDED', { startedAt: new Date(Date.UTC(2027, 0, day + 1)).toISOString() }));
    const lines = () => dashboard.page.locator('.table tbody tr').count();
    await dashboard.open('/sessions');
    await soon(lines).toBe(30);
    // Read anew once the socket is open: all is at rest.
    await soon(() => asked('SessionList')).toBe(2);
    const more = platform.hold('SessionList');
    await dashboard.page.getByRole('button', { name: 'Show more' }).click();
    await soon(() => asked('SessionList')).toBe(3);
    platform.channels.changeSession(sessions.at(-1)!.id, { endReason: 'MAX_DURATION' });
    // The page gathers changes for 0.4 s.
    await dashboard.page.waitForTimeout(1_000);
    more();
    await soon(lines).toBe(60);
    await soon(() => dashboard.page.locator('.table tbody tr').first().textContent()).toContain('Maximum duration reached');
  });

  it('asks on who is there where the platform does not say, and leaves a page as it is meanwhile', async () => {
    platform.refused.set('Me', 'RATE_LIMITED');
    await dashboard.open('/channels');
    await dashboard.heading('Connection lost. Trying again…');
    platform.refused.clear();
    await dashboard.heading('Channels');
    await dashboard.page.getByRole('button', { name: 'New channel' }).click();
    const name = dashboard.page.getByRole('dialog').getByRole('textbox', { name: 'Name' });
    await name.fill('Half typed');
    platform.refused.set('Me', 'UNAVAILABLE');
    const before = asked('Me');
    platform.cut();
    await soon(() => asked('Me') - before).toBeGreaterThan(1);
    platform.refused.clear();
    const refused = asked('Me');
    await soon(() => asked('Me')).toBeGreaterThan(refused);
    expect(await name.inputValue()).toBe('Half typed');
  });
});

describe('a token', () => {
  it('with few scopes sees few things, and is not offered what it may not do', async () => {
    platform.scopes = ['channels:read'];
    await dashboard.open('/channels');
    await dashboard.heading('Channels');
    expect(await dashboard.page.getByRole('navigation').getByRole('link').allTextContents()).toEqual(['Channels']);
    expect(await dashboard.page.getByRole('button', { name: 'New channel' }).count()).toBe(0);
    await dashboard.openChannel('Harbour camera');
    await dashboard.page.getByText(/Your token may not see the stream key/).waitFor();
    await shot('channel-read-only');
    platform.scopes = ALL_SCOPES;
  });

  it('that was revoked leads to the sign-in page', async () => {
    const before = [asked('Me'), asked('Channels')];
    await dashboard.open('/channels');
    await dashboard.heading('Channels');
    // All that the page asks is answered, at first and when its socket is open, so that it is the click that asks with the revoked token.
    await soon(() => [asked('Me'), asked('Channels')]).toEqual(before.map((times) => times + 2));
    platform.valid = false;
    try {
      await dashboard.page.locator('.segment', { hasText: 'Stopped' }).click();
      await dashboard.page.getByText('You were signed out because your sign-in is no longer valid.').waitFor();
    } finally {
      platform.valid = true;
    }
    await dashboard.signIn(TOKEN);
    await dashboard.heading('Channels');
  });

  it('is given back on signing out', async () => {
    await dashboard.signOut();
    await dashboard.open('/channels');
    await dashboard.heading('Sigma Livestream');
    await dashboard.signIn(TOKEN);
    await dashboard.heading('Channels');
  });
});

describe('the whole', () => {
  it('can be used by the keyboard alone', async () => {
    await dashboard.open('/channels');
    await dashboard.heading('Channels');
    await dashboard.page.keyboard.press('Tab');
    expect(await dashboard.page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to content');
    await dashboard.page.keyboard.press('Enter');
    expect(await dashboard.page.evaluate(() => document.activeElement?.id)).toBe('content');
    await dashboard.page.keyboard.press('Tab');
    await dashboard.page.keyboard.press('Enter');
    await dashboard.page.getByRole('dialog').waitFor();
    await dashboard.page.keyboard.type('By hand');
    await dashboard.page.keyboard.press('Enter');
    await dashboard.heading('By hand');
    // The heading has the focus, so that a screen reader begins there.
    await expect.poll(() => dashboard.page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
  });

  it('speaks Vietnamese, and is dark, when that is chosen', async () => {
    await dashboard.page.getByRole('button', { name: /^Account and appearance/ }).click();
    await dashboard.page.getByText('Tiếng Việt').click();
    await dashboard.page.getByText('Tối', { exact: true }).click();
    await dashboard.page.keyboard.press('Escape');
    expect(await dashboard.page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset['scheme']])).toEqual(['vi', 'dark']);
    await dashboard.open('/channels');
    await dashboard.heading('Kênh');
    expect(await dashboard.page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset['scheme']])).toEqual(['vi', 'dark']);
    await shot('channels-vietnamese');
    await dashboard.page.evaluate(() => localStorage.clear());
  });

  it('broke no rule of its own: no script error, nothing refused by policy, no other host', () => {
    expect(dashboard.faults.filter((fault) => !fault.includes('ERR_CONNECTION_REFUSED'))).toEqual([]);
  });
});
