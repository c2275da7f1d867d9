import { expect, it } from 'vitest';
import { Turns } from '../../src/api/turns';

/** What is done, and what ends the doing. */
class Acts {
  readonly begun: string[] = [];
  #end = () => {};
  readonly again = () => this.#act('again');
  readonly more = () => this.#act('more');

  #act(name: string): Promise<void> {
    this.begun.push(name);
    return new Promise((resolve) => { this.#end = resolve; });
  }

  async end(): Promise<void> {
    this.#end();
    await new Promise((resolve) => { setImmediate(resolve); });
  }
}

it('what is wanted meanwhile is done afterwards, once', async () => {
  const [turns, acts] = [new Turns(), new Acts()];
  for (const act of [acts.more, acts.again, acts.again, acts.more]) turns.want(act);
  expect(acts.begun).toEqual(['more']);
  await acts.end();
  expect(acts.begun).toEqual(['more', 'again']);
  turns.want(acts.again);
  await acts.end();
  await acts.end();
  expect(acts.begun).toEqual(['more', 'again', 'more', 'again']);
  await acts.end();
  turns.want(acts.more);
  expect(acts.begun.at(-1)).toBe('more');
});

it('nothing is done after the end', async () => {
  const [turns, acts] = [new Turns(), new Acts()];
  turns.want(acts.more);
  turns.want(acts.again);
  turns.close();
  await acts.end();
  expect(acts.begun).toEqual(['more']);
});
