//! Where a client publishes to: application and stream key, in the shapes that encoders give them.

use crate::StreamKeyText;

/// The application that takes feeds.
pub(super) const LIVE: &str = "live";
/// The application that will take backup feeds.
const BACKUP: &str = "backup";

/// What `connect` said.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) application: String,
    /// A key behind the application, `live/KEY`: some encoders take the whole URL for the server's.
    pub(super) key: Option<StreamKeyText>,
    pub(super) encoder: Option<String>,
}

/// Parts `app` of `connect` into application and what follows it, without a query.
///
/// An `app` that is empty, as some encoders leave it, is taken from `tcUrl`.
pub(super) fn application<'a>(app: Option<&'a str>, tc_url: Option<&'a str>) -> (&'a str, Option<&'a str>) {
    let path = match app.map(path).filter(|path| !path.is_empty()) {
        Some(path) => path,
        None => tc_url.and_then(url_path).map(path).unwrap_or_default(),
    };
    split(path)
}

/// Parts the name given to `publish` into an application, where the whole path was given, and a key.
pub(super) fn stream_name(name: &str) -> &str {
    let name = path(name);
    match split(name) {
        (LIVE, Some(key)) => key,
        _ => name,
    }
}

/// Why an application is refused. None: it is served.
pub(super) fn refusal(application: &str) -> Option<String> {
    match application {
        LIVE => None,
        BACKUP => Some("the application backup takes no feeds yet: publish to rtmp://HOST:PORT/live".into()),
        "" => Some("no application is named: publish to rtmp://HOST:PORT/live".into()),
        other => {
            let shown: String = other.chars().filter(|c| !c.is_control()).take(32).collect();
            Some(format!("there is no application {shown}: publish to rtmp://HOST:PORT/live"))
        }
    }
}

fn path(text: &str) -> &str {
    text.split(['?', '#']).next().unwrap_or_default().trim().trim_matches('/')
}

fn url_path(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split_once('/').map(|(_, path)| path)
}

fn split(path: &str) -> (&str, Option<&str>) {
    match path.split_once('/') {
        Some((application, rest)) => {
            (application, Some(rest.trim_matches('/')).filter(|rest| !rest.is_empty()))
        }
        None => (path, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_parts_application_and_key() {
        assert_eq!(application(Some("live"), None), ("live", None));
        assert_eq!(application(Some("live/"), None), ("live", None));
        assert_eq!(application(Some("/live"), None), ("live", None));
        assert_eq!(application(Some("live/KEY"), None), ("live", Some("KEY")));
        assert_eq!(application(Some("live/KEY?x=/y"), None), ("live", Some("KEY")));
        assert_eq!(application(Some("live?x=y"), None), ("live", None));
        assert_eq!(application(None, Some("rtmp://host:1935/live/KEY")), ("live", Some("KEY")));
        assert_eq!(application(Some(""), Some("rtmp://host/live")), ("live", None));
        assert_eq!(application(Some(""), Some("rtmp://host")), ("", None));
        assert_eq!(application(None, None), ("", None));
    }

    #[test]
    fn it_takes_the_key_from_a_stream_name() {
        assert_eq!(stream_name("KEY"), "KEY");
        assert_eq!(stream_name("KEY?bandwidthtest=true"), "KEY");
        assert_eq!(stream_name("/KEY/"), "KEY");
        assert_eq!(stream_name("live/KEY"), "KEY");
        assert_eq!(stream_name("?x=y"), "");
    }

    #[test]
    fn it_refuses_other_applications_by_name() {
        assert_eq!(refusal("live"), None);
        assert!(refusal("backup").is_some_and(|text| text.contains("backup takes no feeds yet")));
        assert!(refusal("vod").is_some_and(|text| text.contains("no application vod")));
    }
}
