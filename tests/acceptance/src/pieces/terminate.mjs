// SIGTERM on air, and the faults at start that an operator must be told of in one line.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { clip, Redialling } from '../broadcast.mjs';
import { BINARY, freePorts, Platform } from '../platform.mjs';
import { outcome, run as runProgram, sleep, temporaryFolder } from '../process.mjs';
import { watch } from '../viewer.mjs';

export const title = 'SIGTERM leaves sessions resumable; a fault at start is one line that names it and the mend';

async function terminated(piece, file) {
  const platform = await Platform.start();
  const channel = await platform.channel('terminate', { latencyMode: 'ULTRA_LOW' });
  const encoder = new Redialling(file, channel.push);
  await platform.whenPlayable(channel);
  const viewer = await watch(channel);
  await sleep(8000);
  const { id } = await platform.whenState(channel, 'LIVE');
  viewer.forgive = true;
  const began = Date.now();
  const code = await platform.program.end('SIGTERM');
  const took = Date.now() - began;
  piece.rule('SIGTERM on air: exit 0 within 5 s', code === 0 && took <= 5000, `exit ${code} after ${took} ms, one viewer waiting`);
  await sleep(2000);
  await platform.launch();
  const early = await (await fetch(viewer.media)).text();
  piece.rule('no ENDLIST after the restart', early.startsWith('#EXTM3U') && !early.includes('#EXT-X-ENDLIST'), `${early.split('\n').length} lines`);
  const session = await platform.whenState(channel, 'LIVE', 30_000);
  piece.rule('the same session goes on', session.id === id, id);
  await sleep(5000);
  viewer.forgive = false;
  const again = await viewer.again();
  piece.rule('numbers and URIs go on; what was listed is there', viewer.faults.length === 0 && again > 0, viewer.faults.join('; ') || `${viewer.segments.size} segments, ${viewer.discontinuities} discontinuity, gap of ${viewer.gapSeconds.toFixed(1)} s`);
  viewer.stop();
  await encoder.crash();
  await platform.program.end('SIGTERM');
}

/** Starts the binary where it cannot start; it must say so in one line and exit 1. */
async function refused(piece, what, words, args, { command = BINARY, env = {}, cwd = temporaryFolder('refused') } = {}) {
  const { code, stdout, stderr, ms } = await outcome(command, args, { env: { ...process.env, ...env }, cwd, withinMs: 20_000 });
  const lines = stderr.trim().split('\n').filter((line) => line !== '');
  const last = lines.at(-1) ?? '';
  const only = lines.filter((line) => !/^\d{4}-\d\d-\d\dT\S+\s+(INFO|DEBUG|WARN)/.test(line));
  piece.rule(what, code === 1 && only.length === 1 && words.every((word) => last.includes(word)), `exit ${code} after ${ms} ms: ${only.join(' ⏎ ') || stdout.slice(0, 200)}`);
}

async function faultsAtStart(piece) {
  const folder = temporaryFolder('faults');
  const doors = async (http, rtmp) => {
    const [one, other] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
    return ['serve', '--http', http ?? one, '--rtmp', rtmp ?? other];
  };
  const taken = createServer();
  await new Promise((resolve) => { taken.listen(0, '127.0.0.1', resolve); });
  const door = `127.0.0.1:${taken.address().port}`;
  await refused(piece, 'HTTP port in use', [door], [...await doors(door), '--data-dir', join(folder, 'a')]);
  await refused(piece, 'RTMP port in use', [door], [...await doors(undefined, door), '--data-dir', join(folder, 'b')]);
  taken.close();

  const file = join(folder, 'file');
  writeFileSync(file, 'in the way');
  await refused(piece, 'a file where the data folder should be', [file], [...await doors(), '--data-dir', file]);
  await refused(piece, 'a file on the way to the data folder', [file], [...await doors(), '--data-dir', join(file, 'data')]);
  const locked = join(folder, 'locked');
  mkdirSync(locked, { mode: 0o555 });
  if (process.getuid() === 0) {
    // root may write anywhere: the platform runs as nobody.
    chmodSync(folder, 0o755);
    await runProgram('cp', [BINARY, join(folder, 'sigma')]);
    const args = ['--reuid=65534', '--regid=65534', '--clear-groups', join(folder, 'sigma'), ...await doors(), '--data-dir', locked];
    await refused(piece, 'a folder that may not be written', [locked], args, { command: 'setpriv', cwd: '/' });
  } else {
    await refused(piece, 'a folder that may not be written', [locked], [...await doors(), '--data-dir', locked]);
  }

  await refused(piece, 'a bad address as flag', ['http', '127.0.0.1'], [...await doors('127.0.0.1'), '--data-dir', join(folder, 'c')]);
  await refused(piece, 'a bad number in the environment', ['SIGMA_INGEST_SILENCE', 'soon'], [...await doors(), '--data-dir', join(folder, 'd')], { env: { SIGMA_INGEST_SILENCE: 'soon' } });
  const settings = join(folder, 'sigma.toml');
  writeFileSync(settings, 'http = "127.0.0.1:0"\nhtpp = "127.0.0.1:1"\n');
  await refused(piece, 'an unknown key in the settings file', ['htpp', settings], [...await doors(), '--config', settings, '--data-dir', join(folder, 'e')]);
  await refused(piece, 'a settings file that is not there', ['absent.toml'], [...await doors(), '--config', join(folder, 'absent.toml'), '--data-dir', join(folder, 'f')]);
}

async function diskFull(piece, file) {
  const disk = temporaryFolder('disk');
  const mounted = await outcome('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
  if (mounted.code !== 0) { piece.skip('disk full', `a small disk cannot be mounted here: ${mounted.stderr.trim()}`); return; }
  try {
    const [http, rtmp] = await freePorts(2);
    const doors = ['--http', `127.0.0.1:${http}`, '--rtmp', `127.0.0.1:${rtmp}`];
    await refused(piece, 'disk full at start', [disk], ['serve', ...doors, '--data-dir', join(disk, 'data')]);
    await runProgram('mount', ['-o', 'remount,size=8m', disk]);
    // On air on a disk that fills: the broadcast goes on from memory, the platform stands and says what is wrong.
    const platform = await Platform.start({ data: join(disk, 'on-air') });
    const channel = await platform.channel('disk-full', { latencyMode: 'ULTRA_LOW' });
    const encoder = new Redialling(file, channel.push);
    await platform.whenPlayable(channel);
    const viewer = await watch(channel);
    const full = join(disk, 'ballast');
    await sleep(4000);
    await outcome('dd', ['if=/dev/zero', `of=${full}`, 'bs=64k', 'count=1000']);
    piece.say('the disk is full');
    await sleep(15_000);
    const ready = await (await fetch(platform.url('/readyz'))).text();
    const told = platform.log.split('\n').filter((line) => /No space|disk|full/i.test(line)).at(-1)?.slice(0, 300) ?? 'nothing in the log';
    piece.rule('disk full on air: the platform stands, viewers go on', platform.program.isRunning && viewer.faults.length === 0 && Date.now() - viewer.mediaAt < 5000, viewer.faults.join('; ') || `media ${Date.now() - viewer.mediaAt} ms ago`);
    piece.rule('disk full on air: it is told', /No space|disk|full/i.test(told), `${told} · /readyz: ${ready.slice(0, 200)}`);
    await runProgram('rm', [full]);
    await sleep(3000);
    const other = await platform.channel('after').then(() => 'a channel can be made again', (error) => String(error));
    piece.rule('room again: writes go on', other.startsWith('a channel'), other);
    viewer.stop();
    await encoder.crash();
    const code = await platform.program.end('SIGTERM');
    piece.rule('and SIGTERM exits 0', code === 0, `exit ${code}`);
  } finally {
    await outcome('umount', ['-l', disk]);
  }
}

export async function run(piece) {
  const file = await clip();
  await terminated(piece, file);
  await faultsAtStart(piece);
  await diskFull(piece, file);
}
