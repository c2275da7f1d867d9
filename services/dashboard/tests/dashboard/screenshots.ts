import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { settle, unsettle } from './axe';

/** Build output, ignored by git: to be looked at. */
const FOLDER = fileURLToPath(new URL('../../screenshots/', import.meta.url));
const HEIGHTS = { 360: 740, 768: 1024, 1440: 900 };
type Look = readonly [width: keyof typeof HEIGHTS, scheme: 'light' | 'dark'];
/** Three widths, light and dark with SIGMA_SCREENSHOTS (`npm run screenshots`); without it the two that differ most. */
const LOOKS: readonly Look[] = process.env['SIGMA_SCREENSHOTS'] === undefined
  ? [[360, 'dark'], [1440, 'light']]
  : [[360, 'light'], [360, 'dark'], [768, 'light'], [768, 'dark'], [1440, 'light'], [1440, 'dark']];

/** The page as it stands, as far as a window shows it or whole; `check` runs at each look. */
export async function shots(page: Page, name: string, { whole = true, check }: { whole?: boolean; check?: (what: string) => Promise<void> } = {}): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  for (const [width, colorScheme] of LOOKS) {
    await page.setViewportSize({ width, height: HEIGHTS[width] });
    await page.emulateMedia({ colorScheme });
    await page.evaluate(() => window.scrollTo(0, 0));
    await settle(page);
    await page.screenshot({ path: `${FOLDER}${name}-${width}-${colorScheme}.png`, fullPage: whole });
    await check?.(`${name} at ${width} px, ${colorScheme}`);
  }
  await unsettle(page);
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });
}
