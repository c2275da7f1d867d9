//! Which store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use crate::error::ArchiveError;

/// How long a request to a bucket may take.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);
/// How long a bucket that is away is tried within one request; who writes tries again by himself.
const RETRY_WITHIN: Duration = Duration::from_secs(5);

/// Where recordings are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder. On the disk of the segment logs nothing is copied: its files are links to theirs.
    Folder(PathBuf),
    /// `s3://BUCKET/PREFIX`; endpoint, region and credentials come from the environment (`AWS_ENDPOINT_URL`,
    /// `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, …).
    Bucket {
        /// The bucket.
        bucket: String,
        /// What every key begins with; may be empty.
        prefix: String,
    },
}

/// A store that was opened.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: String,
    /// The folder that it is, where it is one.
    pub(crate) folder: Option<PathBuf>,
}

impl Place {
    /// Reads a setting: `file` is a folder `objects` in the data folder, else `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// In words, what the setting lacks.
    pub fn parse(text: &str, data_dir: &Path) -> Result<Self, String> {
        if text == "file" {
            return Ok(Self::Folder(data_dir.join("objects")));
        }
        let rest = text
            .strip_prefix("s3://")
            .ok_or_else(|| format!("`{text}` names no object store: write `file`, or s3://BUCKET/PREFIX"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(format!("`{text}` names no bucket: write s3://BUCKET/PREFIX"));
        }
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
    }

    /// The store.
    pub(crate) fn open(&self) -> Result<Opened, ArchiveError> {
        match self {
            Self::Folder(folder) => {
                let made = std::fs::create_dir_all(folder);
                made.map_err(|error| {
                    ArchiveError::Place(format!("{} cannot be made: {error}", folder.display()))
                })?;
                let store = LocalFileSystem::new_with_prefix(folder)?.with_automatic_cleanup(true);
                Ok(Opened { store: Arc::new(store), prefix: String::new(), folder: Some(folder.clone()) })
            }
            Self::Bucket { bucket, prefix } => {
                let retry = RetryConfig {
                    backoff: BackoffConfig::default(),
                    max_retries: 3,
                    retry_timeout: RETRY_WITHIN,
                };
                let options = ClientOptions::new().with_timeout(REQUEST_WITHIN).with_allow_http(true);
                let store = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_retry(retry)
                    .with_client_options(options)
                    .build()?;
                Ok(Opened { store: Arc::new(store), prefix: prefix.clone(), folder: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_bucket() {
        let data = Path::new("/data");
        let bucket = |bucket: &str, prefix: &str| {
            Ok(Place::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
        };
        assert_eq!(Place::parse("file", data), Ok(Place::Folder("/data/objects".into())));
        assert_eq!(Place::parse("s3://b/p/q/", data), bucket("b", "p/q"));
        assert_eq!(Place::parse("s3://b", data), bucket("b", ""));
        for none in ["", "s3://", "s3:///p", "http://b", "/folder"] {
            assert!(Place::parse(none, data).is_err(), "{none}");
        }
    }
}
