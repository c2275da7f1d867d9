import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
// @ts-expect-error plain JavaScript, so that node runs it without a build
import { openBrowser } from '../browser.mjs';
import { ScriptedBroadcast } from '../scripted/broadcast';
import { wantBuild } from '../scripted/pages';
import { brokenHealth, KEY_FRAMES_LONG, Panel, tellStory } from '../scripted/panel';
import { ALL_SCOPES, ScriptedPlatform, TOKEN } from '../scripted/platform';
import { seriousFindings } from './axe';
import { Dashboard, PATIENCE } from './pages';
import { shots } from './screenshots';

let broadcast: ScriptedBroadcast;
let platform: ScriptedPlatform;
let panel: Panel;
let browser: BrowserContext;
let dashboard: Dashboard;
const profile = mkdtempSync(join(tmpdir(), 'sigma-chromium-'));

beforeAll(async () => {
  wantBuild('explorer.html');
  broadcast = new ScriptedBroadcast();
  platform = new ScriptedPlatform(broadcast);
  panel = new Panel(platform);
  await platform.up();
  browser = (await openBrowser(profile, { locale: 'en-GB', timezoneId: 'UTC', colorScheme: 'light', permissions: ['clipboard-read', 'clipboard-write'] })) as BrowserContext;
  dashboard = new Dashboard(browser.pages()[0] ?? (await browser.newPage()), platform.origin);
  await dashboard.open('/events');
  await dashboard.signIn(TOKEN);
  await dashboard.heading('Events');
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
const clipboard = () => dashboard.page.evaluate(() => navigator.clipboard.readText());
const soon = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: PATIENCE });
const inVietnamese = async (path: string, name: string) => {
  await dashboard.page.evaluate(() => localStorage.setItem('sigma.language', 'vi'));
  await dashboard.open(path);
  await dashboard.page.locator('html[lang="vi"]').waitFor({ state: 'attached' });
  await dashboard.page.getByRole('heading', { level: 1 }).waitFor();
  await shot(name);
  await dashboard.page.evaluate(() => localStorage.removeItem('sigma.language'));
};

describe('a session', () => {
  let session: string;
  const chart = (name: string) => dashboard.page.locator('figure.chart', { has: dashboard.page.getByRole('heading', { name, exact: true }) });
  const summary = (name: string) => chart(name).locator('p').first().textContent();

  it('is seen before it is public, and taken live', async () => {
    const channel = platform.channels.add('Harbour camera', { latencyMode: 'ULTRA_LOW', autoGoLive: false });
    broadcast.begin();
    session = platform.channels.begin(channel.id, 'PROCESSING', { startedAt: new Date(Date.now() - 754_000).toISOString() }).id;
    tellStory(panel, session, Date.now() - 754_000);
    panel.remember(session, 700, (ago) => ago > 240 && ago < 275);
    await dashboard.open(`/sessions/${session}`);
    await dashboard.heading(/Session of Harbour camera/);
    await seen('1920 × 1080');
    await seen('H264');
    await soon(() => dashboard.playerState()).toBe('playing');
    await shot('session-preview');
    await dashboard.page.getByRole('button', { name: 'Go live', exact: true }).click();
    await dashboard.told('You are live.');
    await dashboard.page.locator('h1 .badge', { hasText: 'Live' }).waitFor();
  });

  it('draws each second as it comes, and says it in words', async () => {
    await soon(() => panel.sampleFollowers).toBe(1);
    panel.sample(session, { videoBitrate: 7_770_000, keyFrameInterval: 8.3 });
    await soon(() => summary('Bitrate')).toMatch(/Video: now 7\.77.Mbit\/s; between .* and 7\.77.Mbit\/s\. Audio: now/);
    await soon(() => summary('Key-frame interval')).toContain('now 8.3');
    await seen('every 8.3 s');
  });

  it('can be read second by second with the keyboard, in all charts at once', async () => {
    const stage = chart('Bitrate').getByRole('slider');
    await stage.focus();
    await dashboard.page.keyboard.press('ArrowLeft');
    await dashboard.page.keyboard.press('ArrowLeft');
    await soon(() => stage.getAttribute('aria-valuetext')).toMatch(/\d:\d\d.*Mbit\/s, .*kbit\/s/);
    await soon(() => chart('Frame rate').locator('.chart-at').textContent()).toMatch(/\d:\d\d/);
    await dashboard.page.keyboard.press('Escape');
    await soon(() => chart('Frame rate').locator('.chart-at').textContent()).toBe('');
  });

  it('says what is wrong with the feed in plain words, and what mends it', async () => {
    panel.sample(session, { warnings: [{ ...KEY_FRAMES_LONG, since: new Date().toISOString() }, { name: 'NOT_KNOWN_HERE', message: 'The platform says it in its own words', since: new Date().toISOString(), data: {} }] });
    await seen('Key frames too far apart');
    await seen('Key frames come every 8.3 s. Ultra-low latency needs 2 s or less: in OBS set Keyframe Interval to 1 s.');
    await seen('The platform says it in its own words');
    await shot('session-warned');
    panel.sample(session);
    await seen('Nothing is wrong with the feed.');
  });

  it('tells what happened and who did it, and is told more', async () => {
    const entries = dashboard.page.locator('.timeline-entry');
    await seen(/token “Studio desk”/);
    const before = await entries.count();
    panel.happened(session, 'session.error', { cause: 'SILENCE' });
    platform.channels.changeSession(session, { state: 'ERROR', reconnectUntil: new Date(Date.now() + 60_000).toISOString() });
    await soon(() => entries.count()).toBe(before + 1);
    await seen('The encoder sent nothing any more.');
    await seen(/The session waits 0:\d\d more/);
    await shot('session-lost');
    platform.channels.changeSession(session, { state: 'LIVE', reconnectUntil: null });
    await dashboard.page.getByText(/The session waits/).waitFor({ state: 'detached' });
  });

  it('goes on by itself after the platform was away, with the hole filled', async () => {
    platform.down();
    await dashboard.connectionLost();
    await shot('session-broken');
    for (let second = 3; second > 0; second -= 1) panel.sample(session, { at: new Date(Date.now() - second * 1_000).toISOString(), avOffsetMs: -77 });
    await platform.up();
    await soon(() => panel.sampleFollowers).toBe(1);
    await soon(() => summary('Sound against picture')).toContain('between -77');
    panel.sample(session, { frameRate: 24.5 });
    await soon(() => summary('Frame rate')).toContain('now 24.5');
  });

  it('is ended after it was said what that does, and keeps its story', async () => {
    await dashboard.page.getByRole('button', { name: 'End session' }).click();
    const dialog = dashboard.page.getByRole('alertdialog');
    await dialog.getByText('A session that has ended cannot go on.').waitFor();
    await shot('session-end');
    panel.happened(session, 'session.ended', { reason: 'SESSION_ENDED_BY_USER' }, { kind: 'ADMIN', id: 'admin', name: null });
    await dialog.getByRole('button', { name: 'End session' }).click();
    await dashboard.told('The session has ended.');
    await seen('Ended by hand');
    await seen('What is kept');
    await seen('The session ended: somebody ended it.');
    expect(await dashboard.page.locator('figure.chart').count()).toBe(0);
    await shot('session-ended');
    broadcast.end();
  });

  it('is not there when its id is wrong', async () => {
    await dashboard.open('/sessions/se_nothing');
    await seen('There is no such session');
  });

  it('shows no figures to a token without health:read, and no buttons to one that may only read', async () => {
    platform.scopes = ['sessions:read', 'channels:read'];
    const channel = platform.channels.add('Quiet');
    const { id } = platform.channels.begin(channel.id, 'PROCESSING');
    await dashboard.open(`/sessions/${id}`);
    await seen(/needs the scope “health:read”/);
    expect(await dashboard.page.getByRole('button', { name: 'End session' }).count()).toBe(0);
    expect(await dashboard.page.getByRole('button', { name: 'Go live', exact: true }).count()).toBe(0);
    platform.channels.end(id, 'BROADCASTER_LEFT');
    platform.scopes = ALL_SCOPES;
  });

  it('speaks Vietnamese', async () => {
    const channel = platform.channels.add('Cầu cảng');
    const { id } = platform.channels.begin(channel.id, 'LIVE', { startedAt: new Date(Date.now() - 400_000).toISOString() });
    tellStory(panel, id, Date.now() - 400_000);
    panel.remember(id, 300);
    panel.sample(id, { warnings: [{ ...KEY_FRAMES_LONG, since: new Date(Date.now() - 40_000).toISOString() }] }, false);
    await inVietnamese(`/sessions/${id}`, 'session-vietnamese');
    platform.channels.end(id, 'BROADCASTER_LEFT');
  });

  it('stands in the list of all sessions', async () => {
    await dashboard.open('/sessions');
    await dashboard.page.getByRole('link', { name: 'Harbour camera' }).waitFor();
    await shot('sessions');
    await dashboard.page.locator('.state-filter').getByText('Live', { exact: true }).click();
    await seen('There has been no such session yet.');
  });
});

describe('events', () => {
  const rows = () => dashboard.page.locator('.event-type').allTextContents();

  it('are none at first', async () => {
    await dashboard.open('/events');
    await seen('Nothing has happened yet.');
    await shot('events-empty');
  });

  it('come live, newest first, and can be held', async () => {
    await soon(() => panel.eventFollowers).toBe(1);
    panel.event('channel.created', 'ch_000001');
    panel.event('session.opened', 'se_000002', { channelId: 'ch_000001' });
    await soon(rows).toEqual(['session.opened', 'channel.created']);
    await dashboard.page.getByRole('button', { name: 'Pause' }).click();
    panel.event('session.live', 'se_000002', { channelId: 'ch_000001' });
    await seen('1 new event');
    expect(await rows()).toHaveLength(2);
    await dashboard.page.getByRole('button', { name: 'Go on' }).click();
    await soon(rows).toEqual(['session.live', 'session.opened', 'channel.created']);
  });

  it('are shown whole as JSON, to fold and to copy', async () => {
    await dashboard.page.locator('.event-line').first().click();
    await seen('"session.live"');
    await dashboard.page.getByRole('button', { name: 'Copy JSON' }).click();
    await soon(async () => (JSON.parse(await clipboard()) as { type: string }).type).toBe('session.live');
    await shot('events-json');
    await dashboard.page.getByRole('button', { name: 'Only events of this one' }).click();
    await soon(rows).toEqual(['session.live', 'session.opened']);
    expect(dashboard.page.url()).toContain('aggregate=se_000002');
    panel.event('session.live', 'se_other');
    panel.event('session.ended', 'se_000002');
    await soon(rows).toEqual(['session.ended', 'session.live', 'session.opened']);
    await dashboard.page.getByRole('button', { name: 'Clear the filter' }).click();
    await soon(async () => (await rows()).length).toBe(5);
  });

  it('go on after a lost connection where they stopped, none lost and none twice', async () => {
    await soon(() => panel.eventFollowers).toBe(1);
    const last = panel.event('channel.updated', 'ch_000001');
    await soon(async () => (await rows()).length).toBe(6);
    platform.cut();
    panel.event('channel.stopped', 'ch_000001');
    await soon(async () => (await rows()).slice(0, 2)).toEqual(['channel.stopped', 'channel.updated']);
    expect(panel.tailedAfter.at(-1)).toBe(last.position);
    expect(await rows()).toHaveLength(7);
  });

  it('are read backwards, as many as one likes', async () => {
    for (let number = 0; number < 300; number += 1) panel.event(number % 4 === 0 ? 'session.live' : 'channel.updated', number % 4 === 0 ? `se_${number}` : 'ch_000001', { channelId: 'ch_000001' });
    await dashboard.open('/events');
    await soon(async () => (await rows()).length).toBe(50);
    await shot('events-busy');
    await dashboard.page.getByRole('button', { name: 'Older events' }).click();
    await soon(async () => (await rows()).length).toBe(100);
    await dashboard.page.getByLabel('Type', { exact: true }).fill('session');
    await dashboard.page.keyboard.press('Enter');
    await soon(async () => new Set((await rows()).map((type) => type.split('.')[0]))).toEqual(new Set(['session']));
    expect(dashboard.page.url()).toContain('type=session.');
  });

  it('of another filter do not come behind those of this one', async () => {
    await dashboard.open('/events');
    await soon(async () => (await rows()).length).toBe(50);
    const before = platform.asked.length;
    const letGo = platform.hold('LogPage');
    await dashboard.page.getByRole('button', { name: 'Older events' }).click();
    await soon(() => platform.asked.slice(before)).toContain('LogPage');
    await dashboard.page.getByLabel('Type', { exact: true }).fill('session');
    await dashboard.page.keyboard.press('Enter');
    const families = async () => [...new Set((await rows()).map((type) => type.split('.')[0]))];
    await soon(families).toEqual(['session']);
    const late = dashboard.page.waitForResponse((response) => response.request().postData()?.includes('LogPage') === true);
    letGo();
    await (await late).finished();
    await dashboard.page.getByRole('button', { name: 'Older events' }).click();
    await soon(async () => (await rows()).length).toBe(panel.events.filter(({ type }) => type.startsWith('session.')).length);
    expect(await families()).toEqual(['session']);
  });

  it('speak Vietnamese', () => inVietnamese('/events', 'events-vietnamese'));
});

describe('tokens', () => {
  it('are none at first', async () => {
    await dashboard.open('/tokens');
    await seen(/No token was made yet/);
    await shot('tokens-empty');
  });

  it('are made: what is missing is said, the text is shown once', async () => {
    await dashboard.page.getByRole('button', { name: 'New token' }).first().click();
    const dialog = dashboard.page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Make token' }).click();
    await dialog.getByText('Give it a name.').waitFor();
    await dialog.getByText('Choose at least one scope.').waitFor();
    await dialog.getByLabel('Name').fill('OBS of the studio');
    await dialog.getByRole('button', { name: 'Run broadcasts' }).click();
    await dialog.getByText('Only these channels').click();
    await dialog.getByRole('button', { name: 'Make token' }).click();
    await dialog.getByText('Choose at least one channel, or all.').waitFor();
    await dialog.getByText('Harbour camera').click();
    expect(await dialog.getByRole('checkbox', { name: 'tokens:admin' }).isDisabled()).toBe(true);
    await shot('tokens-new');
    await dialog.getByRole('button', { name: 'Make token' }).click();
    const secret = dashboard.page.getByRole('alertdialog', { name: 'Your new token' });
    await secret.getByText(/it is shown this one time only/).waitFor();
    await secret.getByRole('button', { name: 'Copy Token' }).click();
    await soon(clipboard).toMatch(/^sgm_/);
    await shot('tokens-secret');
    await secret.getByRole('button', { name: 'I have copied it' }).click();
    await dashboard.page.getByRole('rowheader', { name: /OBS of the studio/ }).waitFor();
    expect(await dashboard.page.content()).not.toContain(await clipboard());
    expect(panel.tokens[0]).toMatchObject({ scopes: ['channels:read', 'channels:secrets', 'sessions:read', 'sessions:write', 'assets:read', 'assets:write', 'health:read'], channelIds: [platform.channels.channels[0]?.id] });
  });

  it('show what the platform says of a field beside the field', async () => {
    await dashboard.page.getByRole('button', { name: 'New token' }).first().click();
    const dialog = dashboard.page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('refuse me');
    await dialog.getByRole('button', { name: 'Look only' }).click();
    await dialog.getByRole('button', { name: 'Make token' }).click();
    await dialog.getByText('this name is not taken').waitFor();
    await dashboard.page.keyboard.press('Escape');
  });

  it('are revoked after it was said what that does', async () => {
    panel.token('Website', { scopes: [...ALL_SCOPES], lastUsedAt: new Date(Date.now() - 300_000).toISOString(), expiresAt: new Date(Date.now() + 86_400_000 * 20).toISOString() });
    panel.token('Old script', { expiresAt: new Date(Date.now() - 1_000).toISOString() });
    await dashboard.open('/tokens');
    await dashboard.page.getByRole('button', { name: 'Revoke Website' }).waitFor();
    await shot('tokens-busy');
    await dashboard.page.getByRole('button', { name: 'Revoke Website' }).click();
    const dialog = dashboard.page.getByRole('alertdialog');
    await dialog.getByText(/It cannot be taken back/).waitFor();
    await dialog.getByRole('button', { name: 'Revoke token' }).click();
    await dashboard.told('“Website” is revoked.');
    await dashboard.page.getByRole('rowheader', { name: /Website/ }).waitFor({ state: 'detached' });
    await dashboard.page.getByText('Show 2 revoked or expired tokens').click();
    await dashboard.page.getByRole('rowheader', { name: /Website/ }).waitFor();
    await shot('tokens-revoked');
  });

  it('speak Vietnamese', () => inVietnamese('/tokens', 'tokens-vietnamese'));

  it('are not for everybody', async () => {
    platform.scopes = ['channels:read'];
    await dashboard.open('/tokens');
    await seen('Your token does not open this page');
    platform.scopes = ALL_SCOPES;
  });
});

describe('the system', () => {
  it('is well', async () => {
    await dashboard.open('/system');
    await seen('All components work.');
    await seen('0.4.0 (8feea51)');
    await dashboard.page.getByRole('searchbox', { name: 'Search settings' }).fill('cors');
    await soon(() => dashboard.page.locator('.settings tbody tr').count()).toBe(1);
    await dashboard.page.getByRole('searchbox', { name: 'Search settings' }).fill('');
    // A platform of one node says nothing about nodes.
    expect(await dashboard.page.getByRole('heading', { name: 'Nodes' }).count()).toBe(0);
    await shot('system');
  });

  it('is looked at again and again, and says what is wrong', async () => {
    panel.health = brokenHealth();
    await seen(/disk I\/O error while writing the checkpoint/);
    await seen('Not ready');
    await seen('No sign of life for 94 s');
    await soon(() => dashboard.page.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('42');
    await shot('system-broken');
  });

  it('tries parked lines again and skips what blocks them, after it was said what that does', async () => {
    await dashboard.page.getByRole('button', { name: /^Try again: the line of tk_/ }).click();
    await dashboard.told('It still cannot be applied.');
    await dashboard.page.getByRole('button', { name: /^Skip the event that blocks/ }).click();
    const dialog = dashboard.page.getByRole('alertdialog');
    await dialog.getByText(/The event stays in the log/).waitFor();
    await shot('system-skip');
    await dialog.getByRole('button', { name: 'Skip event' }).click();
    await dashboard.told('The event was skipped.');
    await dashboard.page.getByRole('heading', { name: 'Parked lines' }).waitFor({ state: 'detached' });
  });

  it('rebuilds a read model and shows how far it is', async () => {
    await dashboard.page.getByRole('button', { name: 'Rebuild projects' }).click();
    await dashboard.page.getByRole('dialog').getByRole('button', { name: 'Rebuild' }).click();
    await dashboard.told('“projects” is being rebuilt.');
    await dashboard.page.getByRole('progressbar', { name: 'Rebuild of projects' }).waitFor();
    expect(panel.log).toEqual(['retry api_tokens tk_01a0c4f01b2e7f3c9d4a5b6c7d8e9fa0', 'skip api_tokens tk_01a0c4f01b2e7f3c9d4a5b6c7d8e9fa0', 'rebuild projects']);
  });

  it('speaks Vietnamese', () => inVietnamese('/system', 'system-vietnamese'));
});

describe('the explorer', () => {
  const answer = () => dashboard.page.locator('.result-pane .cm-content').innerText();
  const write = async (text: string) => {
    await dashboard.page.locator('.query-pane .cm-content').click();
    await dashboard.page.keyboard.press('Control+a');
    await dashboard.page.keyboard.press('Delete');
    await dashboard.page.keyboard.insertText(text);
  };

  it('runs what is written, with the sign-in of the dashboard', async () => {
    await dashboard.open('/graphql');
    await dashboard.heading('GraphQL explorer');
    await dashboard.page.getByRole('button', { name: 'Run' }).click();
    await soon(answer).toContain('Harbour camera');
    await shot('explorer');
  });

  it('has the schema to read and writes an operation with a field of it', async () => {
    if (await dashboard.page.getByRole('button', { name: 'Documentation' }).getAttribute('aria-pressed') === 'false') await dashboard.page.getByRole('button', { name: 'Documentation' }).click();
    await dashboard.page.getByRole('searchbox', { name: 'Search types and fields' }).fill('apiTok');
    await dashboard.page.getByRole('button', { name: 'Query.apiTokens' }).click();
    await dashboard.page.getByRole('button', { name: 'Write an operation with apiTokens' }).click();
    await dashboard.page.keyboard.press('Control+Enter');
    await soon(answer).toContain('Website');
  });

  it('follows a subscription', async () => {
    await write('subscription Log { events { type position } }');
    await dashboard.page.keyboard.press('Control+Enter');
    await soon(() => panel.eventFollowers).toBe(1);
    panel.event('channel.created', 'ch_live');
    await soon(answer).toContain('channel.created');
    await seen('Following: 1 received');
    await dashboard.page.getByRole('button', { name: 'Stop' }).click();
    await soon(() => panel.eventFollowers).toBe(0);
  });

  it('says what is wrong before it sends anything', async () => {
    await write('query {');
    await dashboard.page.keyboard.press('Control+Enter');
    await seen(/holds no operation/);
  });

  it('asks who is there, and takes a token for itself alone', async () => {
    await browser.clearCookies();
    await dashboard.open('/graphql');
    await seen(/The schema can be read with a token/);
    const before = platform.asked.length;
    await dashboard.page.getByLabel('API token').fill('sgm_wrong');
    await soon(() => platform.asked.slice(before)).toEqual(['IntrospectionQuery']);
    await seen(/The schema can be read with a token/);
    await dashboard.page.getByLabel('API token').fill(TOKEN);
    await dashboard.page.getByRole('heading', { name: 'Commands' }).waitFor();
    await write('subscription Log { events { type } }');
    await dashboard.page.keyboard.press('Control+Enter');
    await soon(() => panel.eventFollowers).toBe(1);
    expect(await dashboard.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))).not.toContain(TOKEN);
  });

  it('is come back to after signing in', async () => {
    await dashboard.open('/graphql');
    await dashboard.page.getByRole('link', { name: 'Sign in' }).click();
    await dashboard.signIn(TOKEN);
    await dashboard.heading('GraphQL explorer');
    await dashboard.page.getByRole('heading', { name: 'Commands' }).waitFor();
  });
});
