//! Titles of assets: sealed under their channel's key, opened where they are shown.

use sigma_domain::{AssetTitle, Personal};

use crate::{App, AppError};

impl App {
    /// Titles of assets, each with its channel: none for what was erased. The keys are asked for once.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] while the store is away.
    pub async fn asset_titles(
        &self,
        titles: &[(&str, &Personal<AssetTitle>)],
    ) -> Result<Vec<Option<String>>, AppError> {
        let sealed = titles.iter().filter_map(|(channel, title)| match title {
            Personal::Sealed(sealed) => Some((*channel, sealed)),
            Personal::Plain(_) => None,
        });
        let mut opened = self.subjects.open_names(&sealed.collect::<Vec<_>>()).await?.into_iter();
        let titles = titles.iter().map(|(_, title)| match title {
            Personal::Plain(title) => Some(title.as_str().to_owned()),
            Personal::Sealed(_) => opened.next().flatten(),
        });
        Ok(titles.collect())
    }
}
