//! What somebody may do, and in which channels.

use std::collections::BTreeSet;

use sigma_domain::{ApiTokenGrant, Scope};

/// What somebody may do inside his project: his scopes, in all of its channels or in those that he is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    scopes: BTreeSet<Scope>,
    channels: Option<BTreeSet<String>>,
}

impl Access {
    /// Every scope, in every channel: the admin token, and the platform itself.
    pub fn everything() -> Self {
        Self::new(Scope::ALL.iter().copied(), None)
    }

    /// Nothing at all.
    pub fn nothing() -> Self {
        Self::new([], None)
    }

    /// These scopes; with `channels` in those only, and then without the scopes that reach beyond channels.
    pub fn new(scopes: impl IntoIterator<Item = Scope>, channels: Option<BTreeSet<String>>) -> Self {
        let bound = channels.is_some();
        let kept = |scope: &Scope| !(bound && scope.reaches_beyond_channels());
        Self { scopes: scopes.into_iter().filter(kept).collect(), channels }
    }

    /// Whether he has this scope.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// The channels that he is bound to; none: all of his project.
    pub fn channels(&self) -> Option<&BTreeSet<String>> {
        self.channels.as_ref()
    }

    /// Whether his binding, where he has one, holds this channel. Others are to him as if they were not there.
    pub fn sees(&self, channel: &str) -> bool {
        self.channels.as_ref().is_none_or(|channels| channels.contains(channel))
    }

    /// His scopes, in the order of the contract.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> + '_ {
        self.scopes.iter().copied()
    }
}

impl From<&ApiTokenGrant> for Access {
    fn from(grant: &ApiTokenGrant) -> Self {
        let channels = grant.channels().map(|ids| ids.iter().map(ToString::to_string).collect());
        Self::new(grant.scopes().iter().copied(), channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(scopes: &[Scope]) -> Access {
        Access::new(scopes.iter().copied(), Some(BTreeSet::from(["ch_1".to_owned()])))
    }

    #[test]
    fn everything_is_every_scope_in_every_channel() {
        let all = Access::everything();
        assert!(Scope::ALL.iter().all(|scope| all.may(*scope)));
        assert!(all.sees("ch_1") && all.channels().is_none());
        assert_eq!(Access::nothing().scopes().count(), 0);
    }

    #[test]
    fn who_is_bound_sees_his_channels_and_no_other() {
        let access = bound(&[Scope::ChannelsRead]);
        assert!(access.may(Scope::ChannelsRead) && !access.may(Scope::ChannelsWrite));
        assert!(access.sees("ch_1") && !access.sees("ch_2") && !access.sees(""));
    }

    #[test]
    fn who_is_bound_never_has_what_reaches_beyond_channels() {
        let access = bound(Scope::ALL);
        assert!(!access.may(Scope::TokensAdmin) && !access.may(Scope::PlatformAdmin));
        assert!(access.may(Scope::EventsRead));
    }
}
