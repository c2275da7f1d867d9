//! What this process may take, and when it ends.

use rustix::process::{Resource, Rlimit, Signal};
use sigma_gst::MIN_MEMORY;

/// More descriptors than a pipeline needs.
const DESCRIPTORS: u64 = 256;
/// The greatest niceness that there is.
const MAX_NICENESS: i32 = 19;

/// What the supervisor lets it take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// In bytes.
    memory: u64,
    niceness: i32,
}

impl Limits {
    pub(crate) fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut limits = Self { memory: u64::MAX, niceness: 0 };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} wants a value"))?;
            let wrong = |_| format!("{name} {value} is no number");
            match name.as_str() {
                "--memory" => limits.memory = value.parse::<u64>().map_err(wrong)?.max(MIN_MEMORY),
                "--niceness" => limits.niceness = value.parse::<i32>().map_err(wrong)?.clamp(0, MAX_NICENESS),
                _ => return Err(format!("there is no {name}; sigma starts this program by itself")),
            }
        }
        Ok(limits)
    }

    /// Before the first thread is made: threads inherit it.
    pub(crate) fn be_nice(self) {
        // It may be nicer already, and then that is well.
        let _ = rustix::process::nice(self.niceness);
    }

    /// Memory that can be written to, which is what a picture takes: address space is reserved far beyond it by threads and
    /// allocators. A crash leaves no core file: it would hold strangers' pictures.
    pub(crate) fn set(self) -> Result<(), String> {
        let limits = [(Resource::Data, self.memory), (Resource::Nofile, DESCRIPTORS), (Resource::Core, 0)];
        for (resource, limit) in limits {
            let maximum = rustix::process::getrlimit(resource).maximum;
            let limit = Some(maximum.map_or(limit, |maximum| limit.min(maximum)));
            rustix::process::setrlimit(resource, Rlimit { current: limit, maximum: limit })
                .map_err(|error| format!("the limit of {resource:?} cannot be set: {error}"))?;
        }
        Ok(())
    }
}

/// The kernel kills this process when the thread that started it is gone, even while this one is stopped.
/// [`crate::door`] sees to the parent that was gone before this.
pub(crate) fn follow_the_parent() {
    // A kernel without it leaves the socket's end.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
}

/// Ends this process at once: nothing of it is worth a farewell, and threads of decoders may hang.
pub(crate) fn end() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Limits, String> {
        Limits::from_arguments(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn limits_are_given_as_arguments() {
        let limits = Limits { memory: 1 << 30, niceness: 10 };
        assert_eq!(parse(&["--memory", "1073741824", "--niceness", "10"]), Ok(limits));
        assert_eq!(
            parse(&["--memory", "1", "--niceness", "99"]).unwrap(),
            Limits { memory: MIN_MEMORY, niceness: 19 }
        );
        assert!(
            parse(&["--memory"]).is_err()
                && parse(&["--memory", "x"]).is_err()
                && parse(&["--help"]).is_err()
        );
    }
}
