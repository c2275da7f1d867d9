//! Titles of assets: sealed under their channel's key, opened where they are shown.

use sigma_domain::{AssetTitle, Personal};

use crate::{App, AppError, AssetRow};

impl App {
    /// The titles of some assets, in their order: none where one has none, or where it was erased. The keys are asked for once.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] while the store is away.
    pub async fn asset_titles(&self, rows: &[&AssetRow]) -> Result<Vec<Option<String>>, AppError> {
        let sealed = rows.iter().filter_map(|row| match &row.title {
            Some(Personal::Sealed(sealed)) => Some((row.channel.as_str(), sealed)),
            Some(Personal::Plain(_)) | None => None,
        });
        let mut opened = self.subjects.open_names(&sealed.collect::<Vec<_>>()).await?.into_iter();
        let titles = rows.iter().map(|row| match &row.title {
            None => None,
            Some(Personal::Plain(title)) => Some(AssetTitle::as_str(title).to_owned()),
            Some(Personal::Sealed(_)) => opened.next().flatten(),
        });
        Ok(titles.collect())
    }
}
