import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A fault of one style is found a hundred times: a few are enough to mend it. */
const MOST = 6;

interface Finding { id: string; impact: string; help: string; nodes: { target: string[]; failureSummary: string }[] }

/**
 * Brings the page to rest. Rows out of sight keep the colours of when they were last drawn: all are drawn. Animations pass
 * through colours that nobody reads: they are at their end.
 */
export async function settle(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const all = new CSSStyleSheet();
    all.replaceSync('* { content-visibility: visible !important; transition: none !important; }');
    document.adoptedStyleSheets = [all];
    for (const animation of document.getAnimations()) if (animation.effect?.getTiming().iterations !== Infinity) animation.finish();
    await new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); });
  });
}

/** The page lives again. */
export async function unsettle(page: Page): Promise<void> {
  await page.evaluate(() => { document.adoptedStyleSheets = []; });
}

/** What axe-core finds on the page as it is, as lines; only what is serious or worse. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await settle(page);
  await page.evaluate(SOURCE);
  // react-aria says there, for seconds and to screen readers only, that a button works; the button may be gone by then.
  const found = await page.evaluate(() => (window as unknown as { axe: { run(context: unknown, options: unknown): Promise<{ violations: Finding[] }> } }).axe.run({ exclude: [['[data-live-announcer]']] }, { resultTypes: ['violations'] }));
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, help, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${help} (${target.join(' ')}) ${failureSummary.split('\n').slice(1).join(' ')}`))
    .slice(0, MOST);
}
