//! Who speaks plain HTTP at the HTTPS door: led to the right address, or told in a sentence.

use std::time::Duration;

use http::Uri;
use http::uri::{Authority, PathAndQuery};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Of a request that is led on, so much of the head is read at most.
const HEAD_BYTES: usize = 8 * 1024;
const BODY: &str = concat!(
    r#"{"error":{"code":"BAD_INPUT","message":"this port speaks HTTPS, and the request came in clear","#,
    r#""mend":"begin the address with https://"}}"#
);

/// Reads one request's head and answers it; then the connection is over. Nothing of it is passed on: what was sent in
/// clear, a token say, has been seen by whoever stands between.
pub(super) async fn answer(mut stream: TcpStream, within: Duration, head_bytes: usize) {
    let conversation = async {
        let head = head(&mut stream, head_bytes.min(HEAD_BYTES)).await?;
        stream.write_all(reply(&head).as_bytes()).await?;
        stream.shutdown().await?;
        // What is still under way is read, so that the answer is not lost in a reset.
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    // A client that leaves, or takes too long, goes without an answer.
    let _ = sigma_clock::timeout(within, conversation).await;
}

/// All up to the blank line, or as much as is looked at.
async fn head(stream: &mut TcpStream, most: usize) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    let mut source = stream.take(most as u64);
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if source.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head)
}

fn reply(head: &[u8]) -> String {
    let (status, location) = match secure_address(head) {
        // For this once: whoever turns TLS off again must not find browsers that remember.
        Some(location) => ("307 Temporary Redirect", format!("location: {location}\r\n")),
        None => ("400 Bad Request", String::new()),
    };
    format!(
        "HTTP/1.1 {status}\r\n{location}content-type: application/json\r\ncache-control: no-store\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    )
}

/// Where the request would have been right: of a GET or HEAD that names its host.
fn secure_address(head: &[u8]) -> Option<Uri> {
    let head = std::str::from_utf8(head).ok()?;
    let (head, _) = head.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let mut request = lines.next()?.split(' ');
    let (method, target, version) = (request.next()?, request.next()?, request.next()?);
    if !matches!(method, "GET" | "HEAD") || !version.starts_with("HTTP/1.") {
        return None;
    }
    let path = target
        .parse::<PathAndQuery>()
        .ok()
        .filter(|_| target.starts_with('/') && !target.starts_with("//"))?;
    let fields = lines.filter_map(|line| line.split_once(':'));
    let mut hosts = fields.filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = hosts.next()?.1.trim().parse::<Authority>().ok()?;
    if hosts.next().is_some() || host.as_str().contains('@') {
        return None;
    }
    Uri::builder().scheme("https").authority(host).path_and_query(path).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(head: &str) -> Option<String> {
        secure_address(head.as_bytes()).map(|uri| uri.to_string())
    }

    #[test]
    fn a_page_is_led_to_its_secure_address() {
        let right = "https://live.example:8080/watch/abc?x=1";
        for method in ["GET", "HEAD"] {
            let head = format!("{method} /watch/abc?x=1 HTTP/1.1\r\nHost: live.example:8080\r\n\r\n");
            assert_eq!(led(&head).as_deref(), Some(right));
            assert!(reply(head.as_bytes()).starts_with("HTTP/1.1 307 "), "{}", reply(head.as_bytes()));
        }
    }

    #[test]
    fn what_cannot_be_led_on_is_told() {
        for head in [
            "POST /graphql HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET //evil HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n",
            "\u{3}nonsense",
        ] {
            assert_eq!(led(head), None, "{head}");
            assert!(reply(head.as_bytes()).contains("\"begin the address with https://\""));
        }
    }
}
