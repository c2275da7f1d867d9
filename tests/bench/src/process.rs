//! Servers under measurement: started with a core of their own, looked at through /proc, ended by their id.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};

/// Where a server may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Core {
    /// On the first core alone: its threads do not meet each other, and what it costs is what one core does.
    Server,
    /// On all of them.
    Any,
}

/// How long a server may take to end before it is killed.
const END_WITHIN: Duration = Duration::from_secs(6);

/// A process that is measured.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

/// What a process holds in memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Its own and its share of what it has in common with others. The page cache is not in it.
    pub(crate) pss: u64,
}

impl Process {
    /// Starts `program` where `core` says; it has written to `log` what it says.
    pub(crate) fn start(program: &Path, arguments: &[String], core: Core, log: &Path) -> io::Result<Self> {
        let cores = match core {
            Core::Server => "0".to_owned(),
            Core::Any => format!("0-{}", cores_of_machine() - 1),
        };
        let mut command = Command::new("taskset");
        command.args(["-c", &cores]).arg(program);
        let out = std::fs::File::create(log)?;
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", program.display())))?;
        Ok(Self { child })
    }

    fn proc(&self, file: &str) -> io::Result<String> {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))
    }

    /// CPU time used so far, user and system, of all its threads, in seconds.
    pub(crate) fn cpu_seconds(&self) -> io::Result<f64> {
        cpu_seconds(&self.proc("stat")?, 14..=15)
    }

    pub(crate) fn memory(&self) -> io::Result<Memory> {
        let rollup = self.proc("smaps_rollup")?;
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
        let kilobytes: u64 = pss.trim().trim_end_matches(" kB").parse().unwrap_or(0);
        Ok(Memory { pss: kilobytes * 1_024 })
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn end(mut self) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        let gone = async {
            while self.is_running() {
                sigma_clock::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = sigma_clock::timeout(END_WITHIN, gone).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already, most of the time.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time in the fields of a `/proc/PID/stat`, in seconds. proc(5): `utime` and `stime` are fields 14 and 15, those of children
/// that have ended 16 and 17.
fn cpu_seconds(stat: &str, fields: RangeInclusive<usize>) -> io::Result<f64> {
    const FIRST_AFTER_NAME: usize = 3;
    let all: Vec<&str> =
        stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace().collect();
    let mut sum = 0;
    for field in fields {
        let ticks = all.get(field - FIRST_AFTER_NAME).and_then(|text| text.parse::<u64>().ok());
        sum += ticks.ok_or_else(|| io::Error::other("/proc/PID/stat is not as proc(5) has it"))?;
    }
    Ok(sum as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// CPU time of this process alone, in seconds.
pub(crate) fn own_cpu_seconds() -> io::Result<f64> {
    cpu_seconds(&std::fs::read_to_string("/proc/self/stat")?, 14..=15)
}

/// CPU time of a process of others and of its children, those that have ended among them, in seconds.
pub(crate) fn family_cpu_seconds(pid: u32) -> io::Result<f64> {
    let mut sum = cpu_seconds(&std::fs::read_to_string(format!("/proc/{pid}/stat"))?, 14..=17)?;
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    for child in children.split_whitespace() {
        // It may have ended, and is in the first sum the next time.
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        sum += cpu_seconds(&stat, 14..=15).unwrap_or(0.0);
    }
    Ok(sum)
}

/// Cores of this machine, whichever of them we are on.
pub(crate) fn cores_of_machine() -> usize {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    processors.lines().filter(|line| line.starts_with("processor")).count().max(1)
}

/// Puts this process, which feeds and asks, on other cores than the server's.
pub(crate) fn move_away() -> io::Result<()> {
    let cores = cores_of_machine();
    if cores < 2 { Ok(()) } else { stay_on(1..cores) }
}

/// Puts the calling thread, and what it starts from now on, on all cores.
pub(crate) fn spread_out() -> io::Result<()> {
    stay_on(0..cores_of_machine())
}

fn stay_on(cores: Range<usize>) -> io::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    cores.for_each(|core| set.set(core));
    rustix::thread::sched_setaffinity(None, &set)?;
    Ok(())
}

/// A loopback address whose port is free at the moment.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// Waits until somebody listens at `address`.
pub(crate) async fn listening(address: SocketAddr, process: &mut Process, log: &Path) -> io::Result<()> {
    const WITHIN: Duration = Duration::from_secs(20);
    let answered = async {
        loop {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return Ok(());
            }
            if !process.is_running() {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(io::Error::other(format!("the server ended at its start:\n{said}")));
            }
            sigma_clock::sleep(Duration::from_millis(20)).await;
        }
    };
    sigma_clock::timeout(WITHIN, answered).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// Where a program stands: as named, or in the PATH's usual places for servers too.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}
