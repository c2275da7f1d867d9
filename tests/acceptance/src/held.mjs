// What a process holds: memory, descriptors, threads, tasks, and whether that grows.
import { readdirSync, readFileSync } from 'node:fs';

/** In kB: proportional set size, what of it is our own, and what the page cache has of mapped files; descriptors and threads. */
export function held(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { pss: kilobytes('Pss'), anonymous: kilobytes('Pss_Anon'), mapped: kilobytes('Pss_File') + kilobytes('Pss_Shmem'), descriptors: readdirSync(`/proc/${pid}/fd`).length, threads: Number(/^Threads:\s+(\d+)/m.exec(status)[1]) };
}

/** Processor time of a process so far, in seconds. */
export function processorSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** The line through samples `[x, y]` by least squares: its slope, and its value at the first and the last x. */
export function line(samples) {
  const mean = (index) => samples.reduce((sum, sample) => sum + sample[index], 0) / samples.length;
  const [mx, my] = [mean(0), mean(1)];
  const spread = samples.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  const slope = spread === 0 ? 0 : samples.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / spread;
  const at = (x) => my + slope * (x - mx);
  return { slope, first: at(samples[0][0]), last: at(samples.at(-1)[0]) };
}
