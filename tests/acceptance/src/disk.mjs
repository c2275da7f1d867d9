// Disks that can be made small, unwritable, slow or hung, for a program that is not to know; root alone may.
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outcome, sleep, temporaryFolder } from './process.mjs';

const must = async (command, ...args) => {
  const { code, stderr } = await outcome(command, args, { withinMs: 60_000 });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr.trim() || code}`);
};

/** A file system in memory whose size can be changed. */
export class SmallDisk {
  static async mount(size = '2g') {
    const disk = new SmallDisk();
    disk.folder = temporaryFolder('small');
    disk.size = size;
    await must('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk.folder);
    return disk;
  }

  /** No room from now on but for what is there and some kB. */
  async fill(roomKb = 8) {
    for (let tries = 0; ; tries += 1) {
      const { blocks, bfree, bsize } = statfsSync(this.folder);
      const size = Math.ceil(((blocks - bfree) * bsize) / 1024) + roomKb;
      const { code } = await outcome('mount', ['-o', `remount,size=${size}k`, this.folder]);
      if (code === 0) return;
      if (tries > 20) throw new Error('the disk cannot be made small');
    }
  }

  /** There is room again. */
  empty() { return must('mount', '-o', `remount,size=${this.size}`, this.folder); }
  unmount() { return outcome('umount', ['-l', this.folder]); }
}

/** A file system on a device of its own. */
export class OwnDisk {
  static async mount() {
    const disk = new OwnDisk();
    const folder = temporaryFolder('disk');
    const image = join(folder, 'image');
    disk.folder = join(folder, 'mounted');
    mkdirSync(disk.folder);
    await must('truncate', '-s', '2G', image);
    // No journal: what hangs or is slow is then our writes and nothing else's.
    await must('mkfs.ext4', '-q', '-O', '^has_journal', image);
    await must('mount', '-o', 'loop', image, disk.folder);
    const { stdout } = await outcome('findmnt', ['-no', 'MAJ:MIN', disk.folder]);
    disk.device = stdout.trim();
    return disk;
  }

  /** Nothing in it can be written, not even by who has it open. */
  refuse() { return must('chattr', '-R', '+i', this.folder); }
  take() { return must('chattr', '-R', '-i', this.folder); }

  /** Every write waits, until it goes on. */
  hang() { return must('fsfreeze', '-f', this.folder); }
  goOn() { return must('fsfreeze', '-u', this.folder); }

  /** A process may write so many bytes a second. */
  slow(pid, bytes) {
    this.group = join('/sys/fs/cgroup/blkio', `sigma-${process.pid}`);
    if (!existsSync(this.group)) mkdirSync(this.group);
    writeFileSync(join(this.group, 'blkio.throttle.write_bps_device'), `${this.device} ${bytes}`);
    appendFileSync(join(this.group, 'cgroup.procs'), String(pid));
  }

  quick() { writeFileSync(join(this.group, 'blkio.throttle.write_bps_device'), `${this.device} 0`); }

  async unmount() {
    await outcome('fsfreeze', ['-u', this.folder]);
    await outcome('chattr', ['-R', '-i', this.folder]);
    await outcome('umount', ['-l', this.folder]);
    if (this.group !== undefined) { await sleep(200); try { rmdirSync(this.group); } catch { /* somebody is in it still: it goes with the machine */ } }
  }
}

/** A group of processes that may hold so much memory, page cache counted. */
export class MemoryGroup {
  constructor(bytes) {
    this.folder = join('/sys/fs/cgroup/memory', `sigma-${process.pid}`);
    mkdirSync(this.folder);
    writeFileSync(join(this.folder, 'memory.limit_in_bytes'), String(bytes));
  }

  take(pid) { appendFileSync(join(this.folder, 'cgroup.procs'), String(pid)); }
  #number(name) { return Number(readFileSync(join(this.folder, name), 'utf8')); }
  get most() { return this.#number('memory.max_usage_in_bytes'); }
  get failed() { return this.#number('memory.failcnt'); }
  get killed() { return Number(/oom_kill (\d+)/.exec(readFileSync(join(this.folder, 'memory.oom_control'), 'utf8'))?.[1] ?? 0); }
  end() { try { rmdirSync(this.folder); } catch { /* somebody is in it still */ } }
}
