//! Clips and trims: what an owner wants, asked of the media, and its answer in words that name the field and the mend.

use cqrs_es::Aggregate;
use serde::Serialize;
use sigma_domain::{
    Asset, AssetCommand, AssetEvent, AssetId, AssetKind, AssetRefusal, AssetState, AssetTitle, Channel,
    ChannelId, Edges, Extent, NewAsset, Personal, ProjectId, Scope, Session, SessionId, Spans, ValueError,
};
use sigma_store::SecretWrite;

use super::fold::shown;
use super::media::spans_of;
use super::{Cut, CutError, CutPoint, CutRange, NotCut, Shown, new_clip_id};
use crate::app::nothing_beside;
use crate::executor::Beside;
use crate::input::{Wrong, asked};
use crate::{App, AppError, AssetRow, Caller, Done};

/// The most ranges of a clip: an event stays short, and so does a list of them.
pub const MOST_RANGES: usize = 50;

/// … and of one that is exact to the picture: each has two edges that may have to be made, while its owner waits.
const MOST_EXACT_RANGES: usize = 10;

/// A range of a clip, in microseconds from the beginning of what viewers see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClipRange {
    /// Where it begins. Negative, with a session on air: back from now.
    pub from_us: i64,
    /// Where it ends. Negative: as above; 0 where it begins back from now: now.
    pub to_us: i64,
}

/// What of the media a clip shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum ClipOf {
    /// A range.
    One(ClipRange),
    /// Ranges, one behind the other, in this order; what two of them share is shown twice.
    Many(Vec<ClipRange>),
}

impl Default for ClipOf {
    fn default() -> Self {
        Self::One(ClipRange::default())
    }
}

impl ClipOf {
    fn ranges(&self) -> &[ClipRange] {
        match self {
            Self::One(range) => std::slice::from_ref(range),
            Self::Many(ranges) => ranges,
        }
    }

    /// What a field of a range is called in the input.
    fn path(&self, range: usize, field: &str) -> String {
        match self {
            Self::One(_) => field.to_owned(),
            Self::Many(_) => format!("ranges.{range}.{field}"),
        }
    }
}

/// A clip to cut.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewClip {
    /// Of this session…
    pub session_id: Option<String>,
    /// …or of this asset.
    pub asset_id: Option<String>,
    /// What of it.
    pub of: ClipOf,
    /// Whether it is to be exact to the picture; else it is aligned to what can be played from.
    pub exact: bool,
    /// 1 to 100 characters.
    pub title: Option<String>,
}

/// What is cut from.
struct Whole {
    project: ProjectId,
    channel: ChannelId,
    session: SessionId,
    parent: Option<AssetId>,
    /// Only of these.
    within: Option<Shown>,
}

impl App {
    /// Cuts a clip from a session, also while it is on air, or from an asset. It is ready at once. Wants `assets:write`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`]; [`AppError::BadInput`] for a range that the media has not.
    pub async fn create_clip(&self, caller: &Caller, input: NewClip) -> Result<Done<AssetRow>, AppError> {
        caller.need(Scope::AssetsWrite)?;
        let context = self.context(caller, "createClip", &asked(&input)?)?;
        if let Some(first) = self.executor.first_answer::<Asset>(&context).await? {
            return self.asset_done(first).await;
        }
        let mut wrong = Wrong::default();
        let title: Option<AssetTitle> = wrong.take_some("title", input.title.clone());
        let named = match (&input.session_id, &input.asset_id) {
            (Some(session), None) => Some((Some(session), None)),
            (None, Some(asset)) => Some((None, Some(asset))),
            _ => {
                wrong.note("sessionId", "name the session or the asset to cut from, one of the two");
                None
            }
        };
        let ranges = ranges(&mut wrong, &input);
        wrong.answer()?;
        let whole = match named {
            Some((Some(session), _)) => self.session_to_cut(caller, session).await?,
            Some((_, Some(asset))) => self.asset_to_cut(caller, asset).await?,
            _ => return Err(AppError::BadInput { fields: Vec::new() }),
        };
        self.not_erased(&whole.channel, &input).await?;
        let cut = self.cut(&whole.session, &ranges, whole.within.as_ref(), input.exact).await;
        let what = if whole.parent.is_some() { "assetId" } else { "sessionId" };
        let cut =
            cut.map_err(|NotCut { range, why }| not_cut(&why, what, |field| input.of.path(range, field)))?;
        let (title, writes) = self.sealed_title(&whole.channel, title).await?;
        let Whole { project, channel, session, parent, .. } = whole;
        let (id, files) = (new_clip_id(), cut.files);
        let asset =
            NewAsset { id: id.clone(), project, channel, session, kind: AssetKind::Clip, title, parent };
        let (extent, at) = (extent_of(cut, "ranges")?, self.executor.now());
        let command = AssetCommand::Clip { asset, extent, files, at };
        let beside = |_: &[AssetEvent]| Ok(Beside { writes: writes.clone(), answer: None });
        let executed = self.executor.execute::<Asset>(id.as_str(), command, &context, beside).await?;
        self.asset_done(executed).await
    }

    /// Shows only a part of an asset, from one point of all of its media to another (microseconds). Nothing is cut away. `exact`: to
    /// the picture.
    /// Wants `assets:write`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`]; [`AppError::BadInput`] for a range that the media has not; refused
    /// where it is not READY.
    pub async fn trim_asset(
        &self,
        caller: &Caller,
        id: &str,
        from_us: i64,
        to_us: i64,
        exact: bool,
    ) -> Result<Done<AssetRow>, AppError> {
        caller.need(Scope::AssetsWrite)?;
        let context = self.context(caller, "trimAsset", &asked(&(id, from_us, to_us, exact))?)?;
        if let Some(first) = self.executor.first_answer::<Asset>(&context).await? {
            return self.asset_done(first).await;
        }
        let facts = self.owned_asset(caller, id).await?;
        let mut wrong = Wrong::default();
        let range = CutRange {
            from: from_start(&mut wrong, "from", from_us),
            to: from_start(&mut wrong, "to", to_us),
        };
        wrong.answer()?;
        let at = self.executor.now();
        let executed = match facts.recording() {
            Some(recording) => {
                let within = shown(&recording.whole);
                let cut = self.cut(&facts.of.session, &[range], Some(&within), exact).await;
                let cut = cut.map_err(|NotCut { why, .. }| not_cut(&why, "id", str::to_owned))?;
                let extent = extent_of(cut, "to")?;
                let command = AssetCommand::Trim { extent, at };
                self.executor.execute::<Asset>(id, command, &context, nothing_beside).await?
            }
            None => return Err(self.not_ready(facts.state())),
        };
        self.asset_done(executed).await
    }

    async fn cut(
        &self,
        session: &SessionId,
        ranges: &[CutRange],
        within: Option<&Shown>,
        exact: bool,
    ) -> Result<Cut, NotCut> {
        match exact {
            false => self.recordings.cut(session, ranges, within).await,
            true => self.recordings.cut_exactly(session, ranges, within).await,
        }
    }

    async fn session_to_cut(&self, caller: &Caller, id: &str) -> Result<Whole, AppError> {
        let (session, channel) = self.owned_session(caller, id).await?;
        Ok(Whole { project: caller.project.clone(), channel, session, parent: None, within: None })
    }

    async fn asset_to_cut(&self, caller: &Caller, id: &str) -> Result<Whole, AppError> {
        let facts = self.owned_asset(caller, id).await?;
        let within = facts.recording().map(|recording| shown(recording.shown()));
        let within = within.ok_or_else(|| self.not_ready(facts.state()))?;
        let NewAsset { id, project, channel, session, .. } = facts.of;
        Ok(Whole { project, channel, session, parent: Some(id), within: Some(within) })
    }

    /// Of a channel that was erased nothing new is made: what is left of it is about to go.
    async fn not_erased(&self, channel: &ChannelId, input: &NewClip) -> Result<(), AppError> {
        let channel = self.executor.load::<Channel>(channel.as_str()).await?.aggregate;
        if !channel.is_erased() {
            return Ok(());
        }
        let (kind, id) = match &input.asset_id {
            Some(asset) => (Asset::TYPE, asset.as_str()),
            None => (Session::TYPE, input.session_id.as_deref().unwrap_or_default()),
        };
        Err(AppError::NotFound { kind, id: id.to_owned() })
    }

    /// The domain's own words for an asset that has no media.
    pub(super) fn not_ready(&self, state: AssetState) -> AppError {
        let refusal = match state {
            AssetState::Deleted | AssetState::Expired => AssetRefusal::Gone { state },
            AssetState::Started | AssetState::Ready | AssetState::Failed => AssetRefusal::NotReady { state },
        };
        AppError::Refused { code: refusal.code().to_owned(), message: refusal.to_string() }
    }

    /// The title sealed under its channel's key; and the key to keep with it, where the channel had none: one that an older
    /// version made.
    async fn sealed_title(
        &self,
        channel: &ChannelId,
        title: Option<AssetTitle>,
    ) -> Result<(Option<Personal<AssetTitle>>, Vec<SecretWrite>), AppError> {
        let Some(title) = title else { return Ok((None, Vec::new())) };
        let mut writes = Vec::new();
        let key = match self.subjects.keys(channel.as_str()).await?.pop() {
            Some(key) => key,
            None => {
                let (key, put) = self.subjects.make(channel.as_str())?;
                writes.push(put);
                key
            }
        };
        let sealed = key.seal_text(channel.as_str(), title.as_str())?;
        Ok((Some(Personal::Sealed(sealed)), writes))
    }
}

/// `path`: the field that is too much where it comes to more than an asset is made of.
fn extent_of(cut: Cut, path: &str) -> Result<Extent, AppError> {
    let wrong =
        |error: ValueError| AppError::Internal(format!("the media was cut into what is no extent: {error}"));
    let Cut { spans, edges, duration_ms, bytes, gaps_ms, .. } = cut;
    if spans.len() > Spans::MAX || edges.as_ref().is_some_and(|edges| edges.len() > Edges::MAX) {
        return Err(AppError::field(
            path,
            "this is made of too many pieces for one asset; take less at once",
        ));
    }
    let edges = edges.map(Edges::try_from).transpose().map_err(wrong)?;
    Ok(Extent { spans: spans_of(&spans).map_err(wrong)?, edges, duration_ms, bytes, gaps_ms })
}

/// Where the ranges of a clip begin and end.
fn ranges(wrong: &mut Wrong, input: &NewClip) -> Vec<CutRange> {
    let NewClip { session_id, of, .. } = input;
    let ranges = of.ranges();
    let most = if input.exact { MOST_EXACT_RANGES } else { MOST_RANGES };
    if !(1..=most).contains(&ranges.len()) {
        let of = if input.exact { "exact ranges" } else { "ranges" };
        wrong.note("ranges", format!("give 1 to {most} {of}"));
        return Vec::new();
    }
    let is_of_session = session_id.is_some();
    let back = |us: i64| CutPoint::BackFromNow(us.unsigned_abs());
    let mut range = |number: usize, ClipRange { from_us, to_us }: ClipRange| CutRange {
        from: match from_us {
            from if from < 0 && is_of_session => back(from),
            from => from_start(wrong, &of.path(number, "from"), from),
        },
        to: match to_us {
            0 if from_us < 0 && is_of_session => back(0),
            to if to < 0 && is_of_session => back(to),
            to => from_start(wrong, &of.path(number, "to"), to),
        },
    };
    ranges.iter().enumerate().map(|(number, asked)| range(number, *asked)).collect()
}

pub(super) fn from_start(wrong: &mut Wrong, path: &str, us: i64) -> CutPoint {
    let parsed = u64::try_from(us);
    if parsed.is_err() {
        wrong.note(
            path,
            "count from the beginning; only of a session on air is a negative number back from now",
        );
    }
    CutPoint::FromStart(parsed.unwrap_or(0))
}

/// What is wrong with a range, said of the field that it is wrong with: `what` was cut from, and `path` names a field of the range.
pub(super) fn not_cut(why: &CutError, what: &str, path: impl Fn(&str) -> String) -> AppError {
    match why {
        CutError::Unknown => {
            AppError::field(what, "there is no media of this session any more; cut from another")
        }
        CutError::Backwards => AppError::field(&path("to"), "this is not behind `from`; give a later moment"),
        CutError::Outside { length_us } => {
            let length = seconds(*length_us);
            AppError::field(
                &path("to"),
                format!("this reaches outside of the media, which is {length} s long; stay within"),
            )
        }
        CutError::Empty => AppError::field(
            &path("from"),
            "there is nothing but a gap between `from` and `to`; take a longer range",
        ),
        CutError::TooLong { limit_us } => {
            let limit = seconds(*limit_us);
            AppError::field(
                &path("to"),
                format!("this makes it longer than {limit} s, the most at once; take an earlier moment"),
            )
        }
        CutError::NotOnAir => AppError::field(
            &path("from"),
            "the session is not on air; count from its beginning, with positive numbers",
        ),
        CutError::NotExact { why, from_us, to_us } => {
            let (from, to) = (seconds(*from_us), seconds(*to_us));
            AppError::field(
                "exact",
                format!(
                    "this cannot be cut to the picture: {why}; leave `exact` out, and it is cut from {from} s to {to} s"
                ),
            )
        }
        CutError::Unavailable(message) => AppError::Unavailable {
            message: format!("the media cannot be looked at now: {message}"),
            mend: "try again in a moment".to_owned(),
        },
    }
}

/// Microseconds as seconds, with as many decimals as they need.
pub(super) fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
