//! The data folder: made, proven writable, locked, and what stands in it by name.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use tracing::warn;

use crate::fault::Fault;
use crate::settings::{Secret, master_key};

/// A file of one line is read up to this many bytes.
const LINE_BYTES: u64 = 4_096;

/// Names inside a data folder, for whoever only looks.
#[derive(Clone, Debug)]
pub(crate) struct Names(PathBuf);

impl Names {
    pub(crate) fn of(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    pub(crate) fn admin_token(&self) -> PathBuf {
        self.0.join("admin-token")
    }

    pub(crate) fn master_key(&self) -> PathBuf {
        self.0.join("master-key")
    }

    pub(crate) fn node_id(&self) -> PathBuf {
        self.0.join("node-id")
    }

    pub(crate) fn endpoint(&self) -> PathBuf {
        self.0.join("endpoint")
    }

    /// The certificate that the server of this folder shows.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.0.join("certificate.pem")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    pub(crate) fn events(&self) -> PathBuf {
        self.0.join("events.sqlite")
    }

    pub(crate) fn process(&self) -> PathBuf {
        self.0.join("process.sqlite")
    }

    pub(crate) fn views(&self) -> PathBuf {
        self.0.join("views")
    }

    pub(crate) fn live(&self) -> PathBuf {
        self.0.join("live")
    }
}

/// A data folder that is ours: no other server holds it while this lives.
#[derive(Debug)]
pub(crate) struct DataFolder {
    names: Names,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where it is missing, and takes it.
    ///
    /// # Errors
    /// It cannot be made or written, or another server has it.
    pub(crate) fn take(path: &Path) -> Result<Self, Fault> {
        let unusable = |what: &str, error: &io::Error| {
            let wrong = format!("the data folder {} cannot be {what}: {}", path.display(), plain(error));
            Fault::new(wrong, "make it writable, or name another with --data-dir")
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| unusable("made", &error))?;
        let names = Names::of(&fs::canonicalize(path).map_err(|error| unusable("used", &error))?);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(names.lock())
            .map_err(|error| unusable("written", &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only to tell more; without it the line still says what is wrong.
                let _ = lock.read_to_string(&mut holder);
                let holder = holder.trim();
                let who = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
                let wrong = format!("another sigma serves the data folder {} already{who}", path.display());
                return Err(Fault::new(wrong, "stop it, or name another folder with --data-dir"));
            }
            Err(TryLockError::Error(error)) => return Err(unusable("locked", &error)),
        }
        let written = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        written.map_err(|error| unusable("written", &error))?;
        Ok(Self { names, _lock: lock })
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// The admin token: as given, else as it stands in the folder, else a new one.
    pub(crate) fn admin_token(&self, given: Option<&Secret>) -> Result<String, Fault> {
        if let Some(given) = given {
            return Ok(given.expose().to_owned());
        }
        let path = self.names.admin_token();
        let make = || Ok(BASE64_URL_SAFE_NO_PAD.encode(random()?));
        let token = kept(&path, make)?;
        if token.is_empty() {
            return Err(Fault::new(
                format!("{} is empty", path.display()),
                "remove it, then a new one is made",
            ));
        }
        Ok(token)
    }

    /// The master key: as given, else as it stands in the folder, else a new one.
    pub(crate) fn master_key(&self, given: Option<&Secret>) -> Result<[u8; 32], Fault> {
        let path = self.names.master_key();
        let (text, from) = match given {
            Some(given) => (given.expose().to_owned(), "SIGMA_MASTER_KEY".to_owned()),
            None => (kept(&path, || Ok(BASE64_STANDARD.encode(random()?)))?, path.display().to_string()),
        };
        master_key(&text).map_err(|mend| Fault::new(format!("{from} is no master key"), mend))
    }

    /// This node's name: as given, else as it stands in the folder, else a new one.
    pub(crate) fn node_id(&self, given: Option<&str>) -> Result<String, Fault> {
        let path = self.names.node_id();
        let name = kept(&path, || match given {
            Some(given) => Ok(given.to_owned()),
            None => {
                let random = random()?;
                let letters: String = random[..5].iter().map(|byte| format!("{byte:02x}")).collect();
                Ok(format!("node-{letters}"))
            }
        })?;
        // Sessions on air belong to a node by its name: under another one nobody would take them up again.
        match given {
            Some(given) if given != name => Err(Fault::new(
                format!("node-id is {given}, and {} says {name}", path.display()),
                "leave --node-id out, or take a new data folder for a new node",
            )),
            _ => Ok(name),
        }
    }

    /// Writes where this server is found, for client commands.
    pub(crate) fn write_endpoint(&self, url: &str) -> Result<(), Fault> {
        let path = self.names.endpoint();
        fs::write(&path, format!("{url}\n")).map_err(|error| unwritable(&path, &error))
    }

    /// Takes back [`Self::write_endpoint`]: nobody is found there from now on.
    pub(crate) fn remove_endpoint(&self) {
        if let Err(error) = fs::remove_file(self.names.endpoint()) {
            warn!(%error, "cannot remove the endpoint file");
        }
    }
}

/// Where somebody at this machine reaches a server that listens on `address`.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn random() -> Result<[u8; 32], Fault> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| {
        Fault::new("the system gives no random bytes", "see that getrandom(2) works on this machine")
    })?;
    Ok(bytes)
}

/// The one line that stands in `path`; where the file is missing, what `make` gives is written there first, for its
/// owner's eyes only, whole or not at all.
fn kept(path: &Path, make: impl FnOnce() -> Result<String, Fault>) -> Result<String, Fault> {
    match read_line(path) {
        Ok(line) => {
            tighten(path);
            Ok(line)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let line = make()?;
            write_secret(path, &line).map_err(|error| unwritable(path, &error))?;
            Ok(line)
        }
        Err(error) => {
            let wrong = format!("{} cannot be read: {}", path.display(), plain(&error));
            Err(Fault::new(wrong, "make it readable for the user that runs sigma"))
        }
    }
}

/// The first line of a small file, without its blanks.
pub(crate) fn read_line(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LINE_BYTES).read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

fn write_secret(path: &Path, line: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    writeln!(file, "{line}")?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// A secret that others can read is taken out of their hands, and said.
fn tighten(path: &Path) {
    let Ok(metadata) = fs::metadata(path) else {
        return;
    };
    if metadata.permissions().mode() & 0o077 != 0 {
        warn!(path = %path.display(), "others could read this secret; its mode is 0600 from now on");
        if let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(0o600)) {
            warn!(%error, path = %path.display(), "the secret's mode cannot be changed");
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Fault {
    let wrong = format!("{} cannot be written: {}", path.display(), plain(error));
    Fault::new(wrong, "make the data folder writable and see that its disk has room")
}

/// An error of the system in few words.
pub(crate) fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotFound => "not found".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::NotADirectory => "a part of its path is no folder".to_owned(),
        io::ErrorKind::AlreadyExists => "something that is no folder stands there".to_owned(),
        io::ErrorKind::AddrInUse => "it is in use".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("a file").permissions().mode() & 0o777
    }

    #[test]
    fn secrets_are_made_once_for_their_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataFolder::take(folder.path()).expect("the folder");
        let token = data.admin_token(None).expect("a token");
        assert_eq!(token.len(), 43);
        // Before it is read again: reading tightens a mode that is too wide.
        assert_eq!(mode(&data.names().admin_token()), 0o600);
        assert_eq!(data.admin_token(None), Ok(token.clone()));
        assert_eq!(fs::read_to_string(data.names().admin_token()).expect("a file"), format!("{token}\n"));
        let key = data.master_key(None).expect("a key");
        assert_eq!(data.master_key(None), Ok(key));
        assert_eq!((mode(&data.names().admin_token()), mode(&data.names().master_key())), (0o600, 0o600));
    }

    #[test]
    fn a_secret_that_others_could_read_is_taken_out_of_their_hands() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataFolder::take(folder.path()).expect("the folder");
        fs::write(data.names().admin_token(), "abc\n").expect("written");
        fs::set_permissions(data.names().admin_token(), fs::Permissions::from_mode(0o644)).expect("a mode");
        assert_eq!(data.admin_token(None), Ok("abc".to_owned()));
        assert_eq!(mode(&data.names().admin_token()), 0o600);
    }

    #[test]
    fn two_servers_cannot_share_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = DataFolder::take(folder.path()).expect("the folder");
        let line = DataFolder::take(folder.path()).expect_err("refused").to_string();
        assert!(line.starts_with("another sigma serves the data folder "), "{line}");
        assert!(line.contains(&format!("(process {})", std::process::id())), "{line}");
        drop(first);
        assert!(DataFolder::take(folder.path()).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_the_mend() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("written");
        let line = DataFolder::take(&file.join("data")).expect_err("refused").to_string();
        assert!(line.ends_with("make it writable, or name another with --data-dir"), "{line}");
        assert!(line.contains(&file.display().to_string()), "{line}");
    }

    #[test]
    fn a_broken_master_key_is_told_without_its_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataFolder::take(folder.path()).expect("the folder");
        fs::write(data.names().master_key(), "broken\n").expect("written");
        let line = data.master_key(None).expect_err("refused").to_string();
        assert!(line.contains("master-key is no master key; ") && !line.contains("broken"), "{line}");
    }

    #[test]
    fn a_server_on_all_addresses_is_reached_on_the_loopback() {
        let reached = |text: &str| reachable(text.parse().expect("an address")).to_string();
        assert_eq!(reached("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reached("[::]:80"), "[::1]:80");
        assert_eq!(reached("10.0.0.1:80"), "10.0.0.1:80");
    }
}
