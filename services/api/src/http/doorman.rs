//! Who asks: by `Authorization`, else by the dashboard's cookie; and how often he may.

use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, header};
use ipnet::IpNet;
use sigma_app::{App, AppError, Identity, Secret, bearer};
use sigma_clock::{Clock, SystemClock};

use super::answer::{Peer, Secured};
use super::caller::{Client, Page};
use super::cookie::Cookies;
use super::figures::{Figures, Quota};
use super::rates::{Rates, Wait};
use super::trusted::Trusted;

/// Looks at every token that comes to the GraphQL door.
pub(crate) struct Doorman {
    pub(crate) app: Arc<App>,
    pub(crate) cookies: Cookies,
    pub(crate) rates: Rates,
    pub(crate) trusted: Trusted,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) public_url: Option<String>,
    pub(crate) figures: Arc<Figures>,
}

/// Somebody whose token is good. Cheap to clone; never printed.
#[derive(Clone)]
pub(crate) struct Known(Arc<Inner>);

struct Inner {
    identity: Identity,
    secret: String,
}

impl Known {
    fn new(identity: Identity, secret: String) -> Self {
        Self(Arc::new(Inner { identity, secret }))
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0.secret
    }

    /// What the token is counted by.
    pub(crate) fn name(&self) -> &str {
        self.0.identity.token_id.as_deref().unwrap_or("admin")
    }
}

/// Why somebody is not let in.
#[derive(Debug)]
pub(crate) enum Denied {
    /// No token, or one that is none.
    Unknown,
    /// The cookie came with another site's page.
    Foreign,
    /// Too often.
    TooOften(Wait),
    /// Tokens cannot be looked at now.
    Unavailable(AppError),
}

/// What somebody shows to be let in.
enum Shown {
    Bearer(String),
    Cookie(String),
}

impl Doorman {
    /// Who asks.
    pub(crate) fn client(&self, parts: &Parts) -> Client {
        // Every connection has a peer; one without would be a call from inside.
        let peer =
            parts.extensions.get::<Peer>().map_or(SocketAddr::from(([127, 0, 0, 1], 0)), |peer| peer.0);
        Client::of(peer, is_secured(parts), &parts.headers, &self.trusted_proxies)
    }

    /// The page that a browser asks for.
    pub(crate) fn page(&self, parts: &Parts) -> Page {
        Page::of(&parts.uri, &parts.headers, self.public_url.as_deref(), is_secured(parts))
    }

    /// Whether answers go out over HTTPS.
    pub(crate) fn is_https(&self, client: &Client) -> bool {
        client.https || self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }

    /// Lets in who shows a good token. A cookie counts with a page of ours only.
    pub(crate) async fn admit(&self, parts: &Parts, client: &Client) -> Result<Known, Denied> {
        let secret = match self.shown(&parts.headers, client) {
            None => return Err(self.unknown("", client)),
            Some(Shown::Cookie(_)) if self.page(parts) != Page::Ours => return Err(Denied::Foreign),
            Some(Shown::Bearer(secret) | Shown::Cookie(secret)) => secret,
        };
        self.recognise(secret, client).await
    }

    /// Who holds this token.
    pub(crate) async fn recognise(&self, secret: String, client: &Client) -> Result<Known, Denied> {
        self.may_ask(&secret, client)?;
        match self.app.authenticate(&secret).await {
            Ok(Some(identity)) => {
                self.trusted.note(&secret);
                Ok(Known::new(identity, secret))
            }
            Ok(None) => Err(self.unknown(&secret, client)),
            Err(error) => Err(Denied::Unavailable(error)),
        }
    }

    /// Whether this token may be looked up in the store. An address that has sent too many that are none waits, and
    /// what it sends meanwhile is turned away unasked, unless it was good of late.
    pub(crate) fn may_ask(&self, secret: &str, client: &Client) -> Result<(), Denied> {
        // What has not the form of an API token asks nothing of the store.
        let asks = secret.parse::<Secret>().is_ok();
        match self.rates.addresses().may_try(client.network()) {
            Err(wait) if asks && !self.trusted.knows(secret) => {
                self.figures.rate_limited(Quota::Address);
                Err(Denied::TooOften(wait))
            }
            _ => Ok(()),
        }
    }

    /// One GraphQL request more of somebody known.
    pub(crate) fn count(&self, known: &Known) -> Result<(), Wait> {
        self.rates.token(known.name()).inspect_err(|_| self.figures.rate_limited(Quota::Token))
    }

    /// The token in the cookie, for pages and media of ours that cannot send a header.
    pub(crate) fn cookie(&self, headers: &HeaderMap, client: &Client) -> Option<String> {
        self.cookies.token(headers, SystemClock.now(), self.is_https(client))
    }

    fn shown(&self, headers: &HeaderMap, client: &Client) -> Option<Shown> {
        match headers.get(header::AUTHORIZATION) {
            Some(value) => bearer(value.to_str().ok()?).map(|token| Shown::Bearer(token.to_owned())),
            None => self.cookie(headers, client).map(Shown::Cookie),
        }
    }

    /// This address has shown what lets nobody in.
    pub(crate) fn unknown(&self, secret: &str, client: &Client) -> Denied {
        self.trusted.forget(secret);
        match self.rates.addresses().failed(client.network()) {
            Ok(()) => Denied::Unknown,
            Err(wait) => {
                self.figures.rate_limited(Quota::Address);
                Denied::TooOften(wait)
            }
        }
    }
}

fn is_secured(parts: &Parts) -> bool {
    parts.extensions.get::<Secured>().is_some()
}
