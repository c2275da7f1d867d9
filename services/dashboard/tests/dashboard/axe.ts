import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Finding { id: string; impact: string; help: string; nodes: { target: string[]; failureSummary: string }[] }

/** What axe-core finds on the page as it is, as lines; only what is serious or worse. */
export async function seriousFindings(page: Page): Promise<string[]> {
  // Animations pass through colours that nobody reads: they are let run out.
  await page.evaluate(() => Promise.all(document.getAnimations().filter(({ effect }) => effect?.getTiming().iterations !== Infinity).map(({ finished }) => finished.catch(() => undefined))));
  await page.evaluate(SOURCE);
  const found = await page.evaluate(() => (window as unknown as { axe: { run(options: unknown): Promise<{ violations: Finding[] }> } }).axe.run({ resultTypes: ['violations'], rules: { 'color-contrast-enhanced': { enabled: false } } }));
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, help, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${help} (${target.join(' ')}) ${failureSummary.split('\n').slice(1).join(' ')}`));
}
