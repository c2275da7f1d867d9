import { expect } from 'vitest';
import type { Page } from 'playwright-core';

/** What a person does in the dashboard, by what he sees: for tests against the scripted platform and against the real one. */
export const PATIENCE = Number(process.env['SIGMA_TEST_PATIENCE'] ?? 20_000);

export class Dashboard {
  readonly page: Page;
  readonly origin: string;
  /** Script errors, refusals by the content policy, requests to other hosts. */
  readonly faults: string[] = [];

  constructor(page: Page, origin: string) {
    this.page = page;
    this.origin = origin;
    page.setDefaultTimeout(PATIENCE);
    page.on('pageerror', (error) => this.faults.push(error.message));
    page.on('console', (message) => { if (/Content Security Policy|violates|Warning:/i.test(message.text())) this.faults.push(message.text()); });
    page.on('response', (response) => { if (response.status() >= 400 && /\.(js|css|svg)$/.test(response.url())) this.faults.push(`${response.status()}: ${response.url()}`); });
    page.on('request', (request) => { if (/^https?:/.test(request.url()) && !request.url().startsWith(origin)) this.faults.push(`another host: ${request.url()}`); });
  }

  async open(path: string): Promise<void> {
    await this.page.goto(this.origin + path);
  }

  async signIn(token: string): Promise<void> {
    await this.page.getByLabel('Token', { exact: true }).fill(token);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
  }

  async signOut(): Promise<void> {
    await this.page.getByRole('button', { name: /^Account and appearance/ }).click();
    await this.page.getByRole('button', { name: 'Sign out' }).click();
    await this.heading('Sigma Livestream');
  }

  /** Waits until the page has this heading. */
  async heading(name: string | RegExp): Promise<void> {
    await this.page.getByRole('heading', { level: 1, name }).waitFor();
  }

  /** Waits for a message at the page's edge. */
  async told(text: string | RegExp): Promise<void> {
    await this.page.getByRole('region', { name: 'Notifications' }).getByText(text).first().waitFor();
  }

  channelNames(): Promise<string[]> {
    return this.page.locator('.channel-name').allTextContents();
  }

  async seesChannels(names: readonly string[]): Promise<void> {
    await expect.poll(() => this.channelNames(), { timeout: PATIENCE }).toEqual(names);
  }

  async openChannel(name: string): Promise<void> {
    await this.page.locator('.channel-link', { hasText: name }).first().click();
    await this.heading(name);
  }

  /** One step: the name is enough. Ends on the channel's page. */
  async createChannel(name: string): Promise<void> {
    // An empty list has one more, in its middle.
    await this.page.getByRole('button', { name: 'New channel' }).first().click();
    await this.page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill(name);
    await this.page.keyboard.press('Enter');
    await this.heading(name);
  }

  /** The stream key as it stands on the page: dots until it was asked for. */
  async keyShown(): Promise<string> {
    return (await this.page.getByTestId('stream-key').locator('code').innerText()).trim();
  }

  async showKey(): Promise<string> {
    await this.page.getByRole('button', { name: 'Show key' }).click();
    await this.page.getByRole('button', { name: 'Hide key' }).waitFor();
    return this.keyShown();
  }

  async rotateKey(overlap: string): Promise<void> {
    await this.page.getByRole('button', { name: 'New key' }).click();
    const dialog = this.page.getByRole('dialog');
    await dialog.getByRole('radio', { name: overlap }).check({ force: true });
    await dialog.getByRole('button', { name: 'Make new key' }).click();
    await this.told(/There is a new stream key/);
  }

  async chooseAction(name: string): Promise<void> {
    await this.page.getByRole('button', { name: 'More actions' }).click();
    await this.page.getByRole('menuitem', { name }).click();
  }

  async stopChannel(): Promise<void> {
    await this.chooseAction('Stop channel');
    await this.page.getByRole('alertdialog').getByRole('button', { name: 'Stop channel' }).click();
    await this.told(/is stopped/);
  }

  async startChannel(): Promise<void> {
    await this.page.getByRole('button', { name: 'Start channel' }).click();
    await this.told(/is started/);
  }

  async deleteChannel(name: string): Promise<void> {
    await this.chooseAction('Delete channel');
    const dialog = this.page.getByRole('alertdialog');
    await dialog.getByRole('textbox').fill(name);
    await dialog.getByRole('button', { name: 'Delete channel' }).click();
    await this.heading('Channels');
  }

  async eraseChannel(name: string): Promise<void> {
    await this.chooseAction('Delete channel');
    const dialog = this.page.getByRole('alertdialog');
    await dialog.getByText('Erase what is personal, too').click();
    await dialog.getByText('can never be read again').waitFor();
    await dialog.getByRole('textbox').fill(name);
    await dialog.getByRole('button', { name: 'Delete channel' }).click();
    await this.heading('Channels');
  }

  async goLive(): Promise<void> {
    await this.page.getByRole('button', { name: 'Go live', exact: true }).click();
    await this.told('You are live');
  }

  async tab(name: string): Promise<void> {
    await this.page.getByRole('tab', { name }).click();
  }

  /** The state that the page's player is in. */
  playerState(): Promise<string | undefined> {
    return this.page.evaluate(() => (window as unknown as { sigma?: { state: string } }).sigma?.state);
  }

  async connectionLost(): Promise<void> {
    await this.page.getByText('Connection lost. Trying again…').waitFor();
  }

  async connectionFine(): Promise<void> {
    await this.page.getByText('Connection lost. Trying again…').waitFor({ state: 'detached' });
  }
}
