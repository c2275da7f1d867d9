//! The folder of the views: which generations there are, and which one serves.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What SQLite keeps beside a file of its own.
const SIDE_FILES: &[&str] = &["", "-wal", "-shm", "-journal"];

/// The files of one projection.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    name: String,
}

impl Folder {
    pub(crate) fn new(path: &Path, name: &str) -> Self {
        Self { path: path.to_owned(), name: name.to_owned() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of a generation.
    pub(crate) fn file(&self, generation: u32) -> PathBuf {
        self.path.join(format!("{}.g{generation}.sqlite", self.name))
    }

    fn pointer(&self) -> PathBuf {
        self.path.join(format!("{}.serving", self.name))
    }

    /// All generations that have a file, ascending.
    pub(crate) fn generations(&self) -> io::Result<Vec<u32>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let file = entry?.file_name();
            let number = file.to_str().and_then(|file| file.strip_prefix(&self.name)?.strip_prefix(".g"));
            found.extend(number.and_then(|rest| rest.strip_suffix(".sqlite")?.parse::<u32>().ok()));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The generation that serves; none before the first, or when the pointer cannot be understood.
    pub(crate) fn serving(&self) -> io::Result<Option<u32>> {
        match fs::read_to_string(self.pointer()) {
            Ok(text) => Ok(text.trim().parse().ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Names the generation that serves: whole or not at all, whatever happens to the process or the machine.
    pub(crate) fn serve(&self, generation: u32) -> io::Result<()> {
        let next = self.path.join(format!("{}.serving.next", self.name));
        let mut file = File::create(&next)?;
        writeln!(file, "{generation}")?;
        file.sync_all()?;
        fs::rename(&next, self.pointer())?;
        File::open(&self.path)?.sync_all()
    }

    /// Deletes a generation's files. One that is not there is none to delete.
    pub(crate) fn delete(&self, generation: u32) -> io::Result<()> {
        let file = self.file(generation);
        for side in SIDE_FILES {
            let mut name = file.clone().into_os_string();
            name.push(side);
            match fs::remove_file(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Makes the folder and takes its lock: one runner a folder. The system lets it go when the process ends.
pub(crate) fn take(path: &Path) -> io::Result<File> {
    fs::create_dir_all(path)?;
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("runner.lock"))?;
    lock.try_lock().map_err(|error| match error {
        fs::TryLockError::WouldBlock => io::Error::other("another sigma runs on it"),
        fs::TryLockError::Error(error) => error,
    })?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_told_from_all_else_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let channels = Folder::new(folder.path(), "channels");
        let others =
            ["channels.g2.sqlite", "channels.g10.sqlite", "channels.g10.sqlite-wal", "channels.gx.sqlite"];
        for name in
            others.into_iter().chain(["channels2.g3.sqlite", "sessions.g4.sqlite", "channels.serving"])
        {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(channels.generations().unwrap(), [2, 10]);
        assert_eq!(channels.serving().unwrap(), None, "an empty pointer points nowhere");
        channels.serve(10).unwrap();
        assert_eq!(channels.serving().unwrap(), Some(10));
        channels.delete(10).unwrap();
        channels.delete(10).unwrap();
        assert_eq!(channels.generations().unwrap(), [2]);
        assert!(!folder.path().join("channels.g10.sqlite-wal").exists());
    }

    #[test]
    fn one_runner_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let lock = take(folder.path()).unwrap();
        assert!(take(folder.path()).unwrap_err().to_string().contains("another sigma"));
        drop(lock);
        take(folder.path()).unwrap();
    }
}
