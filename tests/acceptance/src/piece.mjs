// What a piece found: rules kept or broken, figures; shown while it runs and written into docs/acceptance.md.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { BACKBONE, BINARY } from './platform.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = `${ROOT}docs/acceptance.md`;
const HEAD = `# Long proofs

What issues call "must hold", seen through the real doors. \`make acceptance\` runs all pieces, \`make acceptance PIECE=name\` one;
each writes its own section here, with \`SIGMA_ACCEPTANCE_BACKBONE=1\` one of its own for PostgreSQL and Kafka. "missed" marks an aim of wall-clock speed that this machine did not reach at that moment: it is
reported and is not red.
`;

export class Piece {
  constructor(name, title) {
    this.name = name;
    this.title = title;
    /** What its section is called: beside the one of the same piece over the data folder. */
    this.section = BACKBONE > 0 ? `${name}, over PostgreSQL and Kafka` : name;
    this.rows = [];
    this.broken = [];
    this.began = Date.now();
    console.log(`\n== ${name}: ${title}`);
  }

  /** A rule: broken makes the whole run red. */
  rule(what, holds, found = '') {
    this.#row(what, holds ? 'kept' : '**broken**', found);
    if (!holds) this.broken.push(what);
  }

  /** An aim of wall-clock speed: a miss is reported, not red. */
  aim(what, holds, found) { this.#row(what, holds ? 'reached' : 'missed', found); }

  /** A figure without a judgement. */
  figure(what, found) { this.#row(what, '', found); }

  /** What could not be tried here, and why. */
  skip(what, why) { this.#row(what, 'skipped', why); }

  /** A line for who watches. */
  say(text) { console.log(`   ${new Date().toISOString().slice(11, 19)} ${text}`); }

  #row(what, verdict, found) {
    this.rows.push([what, verdict, String(found)]);
    console.log(`   ${verdict.padEnd(10)} ${what}${found === '' ? '' : `: ${found}`}`);
  }

  /** Puts this piece's section into the page, in place of its older one. */
  write() {
    const binary = createHash('sha256').update(readFileSync(BINARY)).digest('hex').slice(0, 12);
    const commit = execFileSync('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
    // No path of the machine that it ran on.
    const cell = (text) => text.replaceAll(`${tmpdir()}/`, 'TMP/').replaceAll('|', '\\|').replaceAll('\n', ' ').slice(0, 600);
    const section = [
      `## ${this.section}`, '', `${this.title}.`, '',
      `\`${BACKBONE > 0 ? `SIGMA_ACCEPTANCE_BACKBONE=${BACKBONE} ` : ''}tests/acceptance/run ${this.name}\` · commit ${commit} · binary ${binary} · ${new Date(this.began).toISOString().slice(0, 16)}Z · `
      + `${Math.round((Date.now() - this.began) / 1000)} s · ${cpus().length} cores`, '',
      '| what | | found |', '|---|---|---|', ...this.rows.map((row) => `| ${row.map(cell).join(' | ')} |`), '',
    ].join('\n');
    const [head, ...others] = (existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : HEAD).split(/^(?=## )/m);
    const at = others.findIndex((other) => other.startsWith(`## ${this.section}\n`));
    if (at === -1) others.push(section);
    else others[at] = section;
    writeFileSync(PAGE, `${[head, ...others].map((part) => part.trimEnd()).join('\n\n')}\n`);
  }
}
