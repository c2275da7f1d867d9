// Runs the pieces named on the command line, or all; a piece that breaks a rule makes the exit code 1.
import { Piece } from './piece.mjs';
import { endAll } from './process.mjs';

/** In the order in which they run; the half hour last but for the one that wants OBS. */
const PIECES = [
  'crash', 'crash-points', 'glass', 'latency-modes', 'players', 'parser', 'judge', 'twenty', 'kill-nine', 'terminate', 'thousand', 'subscribers', 'flood', 'bad-company', 'faults', 'kafka-away', 'recording', 'recording-kills', 'bucket-away', 'rewind-twelve', 'soak', 'thirty-minutes', 'players-long', 'dashboard-open', 'obs',
];

const names = process.argv.slice(2);
const unknown = names.filter((name) => !PIECES.includes(name));
if (unknown.length > 0) {
  console.error(`no piece ${unknown.join(', ')}; there are: ${PIECES.join(' ')}`);
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => endAll().finally(() => process.exit(130)));
}

let broken = 0;
for (const name of names.length > 0 ? names : PIECES) {
  const { run, title } = await import(`./pieces/${name}.mjs`);
  const piece = new Piece(name, title);
  try {
    await run(piece);
  } catch (error) {
    piece.rule('the piece runs to its end', false, String(error?.stack ?? error).slice(0, 2000));
  } finally {
    await endAll();
  }
  piece.write();
  broken += piece.broken.length;
}
process.exit(broken > 0 ? 1 : 0);
