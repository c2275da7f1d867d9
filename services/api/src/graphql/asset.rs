//! Assets as clients see them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use sigma_app::{AssetFilter, AssetRow, Done, PageKey, Scope};

use super::channel::Channel;
use super::connection::{Listing, Page, PageInfo};
use super::context::{asked, behind};
use super::errors::Fault;
use super::guard::Needs;
use super::loaders::TitleKey;
use super::scalars::{DateTime, Long};
use super::session::Session;

/// What an asset is of.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "sigma_app::AssetKind")]
pub(crate) enum AssetKind {
    /// What the broadcaster sent, as it was sent: from the session's first media to its last.
    Source,
    /// What viewers saw, to be seen again: from the moment on at which the session was public.
    Catchup,
    /// A piece that somebody cut.
    Clip,
}

/// Where an asset stands.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "sigma_app::AssetState")]
pub(crate) enum AssetState {
    /// Being recorded.
    Started,
    /// All of it is there.
    Ready,
    /// There was nothing to keep, or it is lost.
    Failed,
    /// Somebody deleted it.
    Deleted,
    /// Its time was up.
    Expired,
}

/// Why there is nothing of an asset.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "sigma_app::AssetFailure")]
pub(crate) enum AssetFailure {
    /// The session had no media that could be kept.
    NoMedia,
    /// The node that has the media is gone. Should it come back, the asset is READY after all.
    NodeLost,
    /// The media is lost.
    MediaLost,
}

/// What is kept of a session: its source record, its catchup, a clip. It stays in lists after it is deleted or has expired.
pub(crate) struct Asset(pub(crate) Arc<AssetRow>);

impl From<AssetRow> for Asset {
    fn from(row: AssetRow) -> Self {
        Self(Arc::new(row))
    }
}

impl Asset {
    fn is_ready(&self) -> bool {
        self.0.state == sigma_app::AssetState::Ready
    }

    /// The address of a file that is made of its media; none where there is no media, or not any more.
    fn made_of_it(&self, context: &Context<'_>, name: &str) -> Result<Option<String>> {
        let has_media = self.is_ready() || self.0.state == sigma_app::AssetState::Started;
        let url = asked(context)?.origin.vod_url(&self.0.id, name);
        Ok(has_media.then_some(url))
    }

    /// Its files of a kind: one for each run of a format, once it is READY.
    fn files_named(&self, context: &Context<'_>, kind: &str) -> Result<Vec<String>> {
        let files = if self.is_ready() { self.0.files.unwrap_or(0).min(MAX_FILES) } else { 0 };
        let origin = &asked(context)?.origin;
        let name = |number| match number {
            1 => format!("{kind}.mp4"),
            number => format!("{kind}-{number}.mp4"),
        };
        Ok((1..=files).map(|number| origin.vod_url(&self.0.id, &name(number))).collect())
    }
}

/// What is kept of a session: its source record, its catchup, a clip. It stays in lists after it is deleted or has expired.
#[Object]
impl Asset {
    /// The asset's id, `as_…`.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// What it is of.
    async fn kind(&self) -> AssetKind {
        self.0.kind.into()
    }

    /// Where it stands.
    async fn state(&self) -> AssetState {
        self.0.state.into()
    }

    /// Why there is nothing, where it is FAILED; else null.
    async fn failure(&self) -> Option<AssetFailure> {
        self.0.failure.map(Into::into)
    }

    /// What its owner calls it; null where he calls it nothing, or where it was erased.
    async fn title(&self, context: &Context<'_>) -> Result<Option<String>> {
        let Some(title) = self.0.title.clone() else { return Ok(None) };
        let key = TitleKey { channel: self.0.channel.clone(), title };
        Ok(asked(context)?.loaded.load_one(key).await?.flatten())
    }

    /// The channel that it is of; null once that is deleted. Scope: `channels:read`.
    #[graphql(guard = "Needs(Scope::ChannelsRead)")]
    async fn channel(&self, context: &Context<'_>) -> Result<Option<Channel>> {
        Ok(asked(context)?.channel(&self.0.channel).await?.map(Channel))
    }

    /// The session that it is of. Scope: `sessions:read`.
    #[graphql(guard = "Needs(Scope::SessionsRead)")]
    async fn session(&self, context: &Context<'_>) -> Result<Option<Session>> {
        Ok(asked(context)?.session(&self.0.session).await?.map(Session))
    }

    /// The asset that it was cut from; null where it is of the session itself.
    async fn parent(&self, context: &Context<'_>) -> Result<Option<Asset>> {
        let Some(id) = &self.0.parent else { return Ok(None) };
        Ok(asked(context)?.asset(id).await?.map(Asset))
    }

    /// How long it plays; null until it is READY.
    async fn duration_seconds(&self) -> Option<f64> {
        self.0.duration_ms().map(seconds)
    }

    /// How much it is; null until it is READY.
    async fn bytes(&self) -> Option<Long> {
        self.0.bytes().map(Long::from)
    }

    /// How much of its duration is missing, where its feed was lost meanwhile; null until it is READY.
    async fn gaps_seconds(&self) -> Option<f64> {
        self.0.gaps_ms().map(seconds)
    }

    /// In how many files its media stands: another one begins where the format changes; null until it is READY.
    async fn files(&self) -> Option<u32> {
        self.0.files
    }

    /// Whether only a part of it is shown: see `untrimAsset`.
    async fn trimmed(&self) -> bool {
        self.0.trim.is_some()
    }

    /// Whether what is shown of it was cut to the picture, not to what can be played from.
    async fn exact(&self) -> bool {
        self.0.is_exact()
    }

    /// How long all of it plays, also where only a part is shown; null until it is READY.
    async fn whole_duration_seconds(&self) -> Option<f64> {
        self.0.whole_duration_ms.map(seconds)
    }

    /// When it was begun.
    async fn created_at(&self) -> DateTime {
        DateTime::from_millis(self.0.created_at_ms)
    }

    /// When all of it was there; null before that.
    async fn ready_at(&self) -> Option<DateTime> {
        self.0.ready_at_ms.map(DateTime::from_millis)
    }

    /// When it is to expire, or has; null where it is kept until it is deleted.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at_ms.map(DateTime::from_millis)
    }

    /// Its multivariant playlist; null unless it is READY.
    async fn playback_url(&self, context: &Context<'_>) -> Result<Option<String>> {
        let url = asked(context)?.origin.vod_url(&self.0.id, "index.m3u8");
        Ok(self.is_ready().then_some(url))
    }

    /// A picture of it, JPEG, 640 pixels wide or `?width=` 160, 320, 640 or 1280; null unless it is STARTED or READY. That of a
    /// source record is shown to its owner: a token with `assets:read`, as for `sourceUrls`, or the dashboard's cookie.
    async fn thumbnail_url(&self, context: &Context<'_>) -> Result<Option<String>> {
        self.made_of_it(context, "thumbnail.jpg")
    }

    /// Small pictures of all of it: WebVTT whose cues name regions of sheets; null unless it is STARTED or READY. Shown to whom
    /// `thumbnailUrl` is.
    async fn storyboard_url(&self, context: &Context<'_>) -> Result<Option<String>> {
        self.made_of_it(context, "storyboard.vtt")
    }

    /// Some of its pictures one after the other, an animated WebP of 3 s, 320 pixels wide; null unless it is STARTED or READY. Shown to
    /// whom `thumbnailUrl` is.
    async fn preview_url(&self, context: &Context<'_>) -> Result<Option<String>> {
        self.made_of_it(context, "preview.webp")
    }

    /// Its chapters: one from its beginning, and one from each return of its feed. Null unless it is READY.
    #[graphql(complexity = "20 + child_complexity")]
    async fn chapters(&self, context: &Context<'_>) -> Result<Option<Vec<Chapter>>> {
        if !self.is_ready() {
            return Ok(None);
        }
        let chapters = behind(context)?.app.chapters(&self.0.id).await.map_err(Fault::from)?;
        let chapters = chapters.into_iter().map(|chapter| {
            let sigma_app::Chapter { at_us, title } = chapter;
            Chapter { at: seconds_of_us(at_us), title }
        });
        Ok(Some(chapters.collect()))
    }

    /// The moment that its owner chose for its thumbnail, in seconds from the beginning of what is shown; null where he chose none, or
    /// where a trim leaves it out.
    #[graphql(complexity = 5)]
    async fn poster_at(&self, context: &Context<'_>) -> Result<Option<f64>> {
        if self.0.poster_us.is_none() {
            return Ok(None);
        }
        let at = behind(context)?.app.poster_at(&self.0.id).await.map_err(Fault::from)?;
        Ok(at.map(seconds_of_us))
    }

    /// The files of a source record that is READY, in order, for a token with `assets:read` (as `Authorization: Bearer` or as
    /// `?token=`), or the dashboard's cookie; empty for every other asset.
    async fn source_urls(&self, context: &Context<'_>) -> Result<Vec<String>> {
        let is_source = self.0.kind == sigma_app::AssetKind::Source;
        Ok(if is_source { self.files_named(context, "source")? } else { Vec::new() })
    }

    /// It as an MP4 with its index in front, made when it is asked for, for a token with `assets:read` or the dashboard's
    /// cookie: the first of `downloadUrls`. Null unless it is READY.
    async fn download_url(&self, context: &Context<'_>) -> Result<Option<String>> {
        Ok(self.files_named(context, "download")?.into_iter().next())
    }

    /// The same, and the files that follow where the format changes, in order; of one that is trimmed or joined of several
    /// ranges perhaps fewer than are named. `download.json` beside them begins their making, says how far it is, and which there are.
    async fn download_urls(&self, context: &Context<'_>) -> Result<Vec<String>> {
        self.files_named(context, "download")
    }
}

/// Files of an asset that are named at most: a format changes seldom.
const MAX_FILES: u32 = 1_000;

fn seconds_of_us(us: u64) -> f64 {
    // Exact likewise: 2^53 µs are 285 years.
    us as f64 / 1e6
}

fn seconds(ms: u64) -> f64 {
    // Exact for any length that there is: 2^53 ms are 285,000 years.
    ms as f64 / 1_000.0
}

/// A chapter of an asset. It lasts until the next.
#[derive(SimpleObject)]
pub(crate) struct Chapter {
    /// Where it begins, in seconds from the beginning of what is shown.
    at: f64,
    /// What it is called: when that was broadcast.
    title: String,
}

/// What became of an asset.
#[derive(SimpleObject)]
pub(crate) struct AssetPayload {
    /// The asset as it is now.
    asset: Asset,
}

impl From<Done<AssetRow>> for AssetPayload {
    fn from(done: Done<AssetRow>) -> Self {
        Self { asset: done.value.into() }
    }
}

/// A page of assets.
#[derive(SimpleObject)]
pub(crate) struct AssetConnection {
    /// The assets of the page.
    nodes: Vec<Asset>,
    /// The assets of the page, each with its cursor.
    edges: Vec<AssetEdge>,
    /// Where the page stands.
    page_info: PageInfo,
}

/// An asset in a list.
#[derive(SimpleObject)]
pub(crate) struct AssetEdge {
    /// The asset.
    node: Asset,
    /// The asset's place in the list.
    cursor: String,
}

/// What picks assets in a list beside where the list stands.
pub(crate) fn picked(kind: Option<AssetKind>, states: Option<Vec<AssetState>>) -> AssetFilter {
    let states = states.map(|states| states.into_iter().map(Into::into).collect());
    AssetFilter { kind: kind.map(Into::into), states, ..AssetFilter::default() }
}

/// A page of the assets that the caller may see, newest first.
pub(crate) async fn assets_page(
    context: &Context<'_>,
    filter: AssetFilter,
    first: Option<i32>,
    after: Option<&str>,
) -> Result<AssetConnection> {
    let page = Page::parse(Listing::Assets, first, after)?;
    let reads = &behind(context)?.reads;
    let asked = asked(context)?;
    let filter = AssetFilter { only_channels: asked.only_channels(), ..filter };
    let project = asked.caller.project.as_str();
    let mut rows =
        reads.assets_page(project, &filter, page.after.as_ref(), page.limit()).await.map_err(Fault::from)?;
    let page_info = page.cut(&mut rows, PageKey::of_asset);
    let rows: Vec<Arc<AssetRow>> = rows.into_iter().map(Arc::new).collect();
    let edges = rows.iter().map(|row| {
        let node = Asset(Arc::clone(row));
        AssetEdge { node, cursor: Listing::Assets.cursor(&PageKey::of_asset(row)) }
    });
    Ok(AssetConnection { edges: edges.collect(), nodes: rows.into_iter().map(Asset).collect(), page_info })
}
