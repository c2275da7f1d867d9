use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{ChannelId, ValueError, coded, ids::text_value};

coded! {
    /// What an API token may do, in its own project.
    "the scope" pub enum Scope {
        ChannelsRead = "channels:read": "See channels.",
        ChannelsWrite = "channels:write": "Make, change, start, stop and delete channels.",
        ChannelsSecrets = "channels:secrets": "See and rotate stream keys.",
        SessionsRead = "sessions:read": "See sessions and watch their preview.",
        SessionsWrite = "sessions:write": "Take sessions live and end them.",
        AssetsRead = "assets:read": "See recordings, catchups and clips, and download them.",
        AssetsWrite = "assets:write": "Make clips; trim and delete recordings, catchups and clips.",
        EventsRead = "events:read": "Read and follow events.",
        HealthRead = "health:read": "See what a session's feed is like.",
        TokensAdmin = "tokens:admin": "Make and revoke API tokens of the project.",
        PlatformAdmin = "platform:admin": "Operate the platform; in the default project only.",
    }
}

impl Scope {
    /// Whether a token that is bound to channels may not have it: it reaches beyond any channel.
    pub const fn reaches_beyond_channels(self) -> bool {
        matches!(self, Self::TokensAdmin | Self::PlatformAdmin)
    }
}

/// What an API token may do, and where: at least one scope, in every channel of its project or in those named.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ApiTokenGrant {
    scopes: BTreeSet<Scope>,
    channels: Option<BTreeSet<ChannelId>>,
}

impl ApiTokenGrant {
    /// The most channels that a token can be bound to: they stand in its one event and are looked at with every request.
    pub const MAX_CHANNELS: usize = 100;

    /// What a token may do; without `channels`, in every channel of its project. Refused without a scope, with no channel
    /// or too many named, and with a scope that [reaches beyond channels](Scope::reaches_beyond_channels) where some are named.
    pub fn new(
        scopes: impl IntoIterator<Item = Scope>,
        channels: Option<BTreeSet<ChannelId>>,
    ) -> Result<Self, ValueError> {
        let scopes: BTreeSet<Scope> = scopes.into_iter().collect();
        if scopes.is_empty() {
            return Err(ValueError::Form { what: "the scopes", wanted: "one at least" });
        }
        if let Some(channels) = &channels {
            if !(1..=Self::MAX_CHANNELS).contains(&channels.len()) {
                let (what, found) = ("the channels that a token is bound to", channels.len());
                return Err(ValueError::Count { what, min: 1, max: Self::MAX_CHANNELS, found });
            }
            if scopes.iter().any(|scope| scope.reaches_beyond_channels()) {
                return Err(ValueError::Form {
                    what: "the scopes of a token that is bound to channels",
                    wanted: "free of tokens:admin and platform:admin, which reach beyond them",
                });
            }
        }
        Ok(Self { scopes, channels })
    }

    /// What it may do; never nothing.
    pub fn scopes(&self) -> &BTreeSet<Scope> {
        &self.scopes
    }

    /// The channels that it is bound to; none: every channel of its project.
    pub fn channels(&self) -> Option<&BTreeSet<ChannelId>> {
        self.channels.as_ref()
    }
}

text_value!(
    /// What people know an API token by, and no secret: `sgm_` and its first 8 characters of 43.
    ApiTokenPrefix
);

impl ApiTokenPrefix {
    /// What every API token begins with.
    pub const MARK: &'static str = "sgm_";

    /// Characters behind the mark.
    pub const CHARS: usize = 8;
}

impl FromStr for ApiTokenPrefix {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_prefix =
            |shown: &str| shown.len() == Self::CHARS && shown.bytes().all(|b| b.is_ascii_alphanumeric());
        if text.strip_prefix(Self::MARK).is_some_and(is_prefix) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError::Form { what: "the API token's prefix", wanted: "sgm_ and 8 letters and digits" })
        }
    }
}
