import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
// @ts-expect-error plain JavaScript, so that node runs it without a build
import { Platform } from '../../../../tests/acceptance/src/platform.mjs';
// @ts-expect-error plain JavaScript
import { endAll } from '../../../../tests/acceptance/src/process.mjs';
// @ts-expect-error plain JavaScript
import { openBrowser } from '../browser.mjs';
import { seriousFindings } from '../dashboard/axe';
import { Dashboard } from '../dashboard/pages';
import { shots } from '../dashboard/screenshots';

/** A broadcast is seen, measured and warned of within this on a busy machine. */
const SOON = 60_000;

interface RealPlatform {
  token: string;
  http: string;
  rtmp: string;
  url(path: string): string;
  kill(): Promise<unknown>;
  launch(): Promise<void>;
}

/** A clip whose key frames are 8 s apart, encoded once and fed as it is. */
function longGopClip(): string {
  const folder = join(tmpdir(), 'sigma-acceptance-media');
  const file = join(folder, '360p30-g240-40s.flv');
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const draft = join(folder, `draft-${process.pid}.flv`);
  execFileSync('ffmpeg', [
    '-hide_banner', '-loglevel', 'error', '-nostdin', '-y', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30:duration=40',
    '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000:duration=40', '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p',
    '-g', '240', '-keyint_min', '240', '-sc_threshold', '0', '-b:v', '600k', '-maxrate', '600k', '-bufsize', '600k', '-c:a', 'aac', '-b:a', '96k', '-ac', '2', draft,
  ]);
  renameSync(draft, file);
  return file;
}

const broadcasts = new Set<ChildProcess>();
function push(url: string): ChildProcess {
  const child = spawn('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-re', '-stream_loop', '-1', '-i', longGopClip(), '-c', 'copy', '-f', 'flv', '-flvflags', 'no_duration_filesize', url], { stdio: 'ignore' });
  broadcasts.add(child);
  return child;
}

let platform: RealPlatform;
let browser: BrowserContext;
let dashboard: Dashboard;
const profile = mkdtempSync(join(tmpdir(), 'sigma-chromium-'));
const clipboard = () => dashboard.page.evaluate(() => navigator.clipboard.readText());
const seen = (text: string | RegExp) => dashboard.page.getByText(text).first().waitFor({ timeout: SOON });
const shot = (name: string) => shots(dashboard.page, `real-${name}`, { check: async (what) => { expect(await seriousFindings(dashboard.page), what).toEqual([]); } });

beforeAll(async () => {
  platform = (await Platform.start()) as RealPlatform;
  browser = (await openBrowser(profile, { locale: 'en-GB', colorScheme: 'light', permissions: ['clipboard-read', 'clipboard-write'] })) as BrowserContext;
  dashboard = new Dashboard(browser.pages()[0] ?? (await browser.newPage()), platform.url(''));
});

afterAll(async () => {
  for (const child of broadcasts) child.kill('SIGKILL');
  await browser?.close();
  await endAll();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

// Nothing from elsewhere, nothing against the policy, no script error.
afterEach(() => { expect(dashboard.faults.splice(0)).toEqual([]); });

describe('a broadcaster', () => {
  let session: string;
  let channel: string;

  it('signs in and makes a channel in one step', async () => {
    await dashboard.open('/');
    await dashboard.signIn(platform.token);
    await dashboard.heading('Channels');
    await dashboard.createChannel('Harbour camera');
    channel = new URL(dashboard.page.url()).pathname;
    await dashboard.tab('Settings');
    await dashboard.page.getByRole('radio', { name: /Ultra-low/ }).check({ force: true });
    // The session waits for its encoder until the channel is stopped, however long the server takes to come back.
    await dashboard.page.getByLabel('Reconnect window').fill('600');
    await dashboard.page.getByRole('button', { name: /^Save/ }).click();
    await dashboard.told(/saved/i);
    await dashboard.tab('How to push');
  });

  it('copies what the encoder wants, pushes, and sees himself on air', async () => {
    await dashboard.page.getByRole('button', { name: /^Copy.*key/i }).first().click();
    await expect.poll(clipboard, { timeout: SOON }).toMatch(/^\S{20,}$/);
    const key = await clipboard();
    push(`rtmp://${platform.rtmp}/live/${key}`);
    await dashboard.page.getByText('Live', { exact: true }).first().waitFor({ timeout: SOON });
    await expect.poll(() => dashboard.playerState(), { timeout: SOON }).toBe('playing');
    await seen('640×360');
    await shot('channel-live');
  });

  it('is told what to mend, and when', async () => {
    await dashboard.page.getByRole('link', { name: /Session details/ }).click();
    await dashboard.heading(/Session of Harbour camera/);
    session = new URL(dashboard.page.url()).pathname;
    await seen(/Keyframe Interval/);
    await dashboard.page.locator('figure.chart').first().waitFor();
    await shot('session-warned');
  });

  it('finds it all in the log, the shown key too', async () => {
    await dashboard.open('/events');
    await dashboard.heading('Events');
    await seen('channel.key_shown');
    await seen('health.warning_raised');
    await shot('events');
  });

  it('sees the platform itself', async () => {
    await dashboard.open('/system');
    await dashboard.heading('System');
    await dashboard.page.getByRole('heading', { name: /read models|projections/i }).first().waitFor();
    await shot('system');
  });

  it('loses the connection to a server that dies, and goes on by itself when it is back', async () => {
    await dashboard.open(session);
    await dashboard.heading(/Session of Harbour camera/);
    await dashboard.page.evaluate(() => { (window as unknown as { unreloaded: boolean }).unreloaded = true; });
    await platform.kill();
    await dashboard.page.getByText('Connection lost. Trying again…').waitFor({ timeout: SOON });
    await platform.launch();
    await dashboard.page.getByText('Connection lost. Trying again…').waitFor({ state: 'detached', timeout: SOON });
    // The encoder went with the server; the session waits for it, and the page says so.
    await seen(/waiting|reconnect|lost/i);
    expect(await dashboard.page.evaluate(() => (window as unknown as { unreloaded?: boolean }).unreloaded)).toBe(true);
  });

  it('stops the channel and sees how it ended', async () => {
    await dashboard.open(channel);
    await dashboard.heading('Harbour camera');
    await dashboard.stopChannel();
    await dashboard.open(session);
    await dashboard.heading(/Session of Harbour camera/);
    await seen(/Ended/);
    await seen(/stopped/i);
    await shot('session-ended');
  });
});

describe('a token', () => {
  it('is made, shown once, and opens only what its scopes say', async () => {
    await dashboard.open('/tokens');
    await dashboard.heading('Tokens');
    const made = (await platformGraphql('mutation { createApiToken(input: {name: "only reads", scopes: ["channels:read"]}) { secret } }')) as { createApiToken: { secret: string } };
    await dashboard.signOut();
    await dashboard.signIn(made.createApiToken.secret);
    await dashboard.heading('Channels');
    await dashboard.seesChannels(['Harbour camera']);
    expect(await dashboard.page.getByRole('button', { name: 'New channel' }).count()).toBe(0);
    for (const hidden of ['Events', 'Tokens', 'System']) expect(await dashboard.page.getByRole('link', { name: hidden, exact: true }).count(), hidden).toBe(0);
    await shot('channels-read-only');
  });
});

async function platformGraphql(query: string): Promise<unknown> {
  return (platform as unknown as { graphql(query: string): Promise<unknown> }).graphql(query);
}
