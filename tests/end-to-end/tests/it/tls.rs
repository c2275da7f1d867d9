//! A certificate: HTTPS with HTTP/2, RTMPS, and all that is said of addresses.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use end_to_end::{Broadcast, Clip, Platform, Start, Viewer, binary, eventually, signal};
use harness::free_port;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::publishers::gstreamer;
use crate::{SOON, join, session_is};

async fn secured() -> Platform {
    Platform::start(Start { tls: true, ..Start::default() }).await
}

/// Runs the binary against the platform's data folder; its words, both ways.
fn sigma(platform: &Platform, args: &[&str]) -> String {
    let output = Command::new(binary())
        .args(args)
        .arg("--data-dir")
        .arg(platform.data_dir())
        .env_remove("SIGMA_ADMIN_TOKEN")
        .output()
        .expect("the binary runs");
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8(words).expect("text");
    assert!(output.status.success(), "{args:?}: {words}");
    words
}

#[tokio::test]
async fn encoders_publish_over_rtmps_and_viewers_watch_over_http2() {
    let platform = secured().await;
    let channel = platform.create_channel("Secure", json!({"latencyMode": "ULTRA_LOW"})).await;
    let answer = platform
        .graphql(
            "query($id: ID!) { channel(id: $id) { playbackUrl watchUrl ingest { rtmpUrl rtmpsUrl } } }",
            json!({ "id": channel.id }),
        )
        .await;
    assert_eq!(answer.text("/channel/ingest/rtmpsUrl"), format!("rtmps://{}/live", platform.rtmps));
    assert_eq!(answer.text("/channel/ingest/rtmpUrl"), format!("rtmp://{}/live", platform.rtmp));
    for address in ["/channel/playbackUrl", "/channel/watchUrl"] {
        assert!(answer.text(address).starts_with(&platform.url("/")), "{}", answer.text(address));
    }

    let _ffmpeg = Broadcast::push(&platform.secure_push_url(&channel.key), Clip::default());
    let other = platform.create_channel("GStreamer", json!({"latencyMode": "ULTRA_LOW"})).await;
    let sink = format!("rtmp2sink tls-validation-flags=0 location={}", platform.secure_push_url(&other.key));
    let _gstreamer = gstreamer(&sink);
    for channel in [&channel, &other] {
        session_is(&platform, &channel.id, "LIVE").await;
        let mut viewer = join(&platform, &channel.playback_id).await;
        let playlist = platform.client().get(&viewer.url).send().await.expect("a playlist");
        assert_eq!(playlist.version(), reqwest::Version::HTTP_2);
        viewer.follow(SOON, |viewer| viewer.seen.len() >= 3).await;
        assert!(viewer.unbroken().iter().all(|segment| !segment.gap));
        let segment = viewer.playlist.segments.last().expect("a segment").uri.clone();
        assert_eq!(&viewer.fetch(&segment).await.expect("its bytes")[4..8], b"moof");
    }

    // Command line, folder and figures know it as well.
    let endpoint = fs::read_to_string(platform.data_dir().join("endpoint")).expect("an endpoint");
    assert_eq!(endpoint, format!("{}\n", platform.url("")));
    let shown = sigma(&platform, &["channel", "show", &channel.id]);
    assert!(shown.contains(&format!("rtmps://{}/live", platform.rtmps)), "{shown}");
    let [chain, key] = platform.certificate_files().map(|path| path.to_str().expect("a path").to_owned());
    let told = sigma(&platform, &["doctor", "--tls-cert", &chain, "--tls-key", &key]);
    assert!(told.contains("ok    server"), "{told}");
    assert!(told.contains("belong together and are good for "), "{told}");
    let figures = platform.metrics().await;
    for line in [
        "sigma_tls_certificate_expiry_timestamp_seconds 67090118400",
        "sigma_ingest_handshakes_total{outcome=\"done\"} 2",
    ] {
        assert!(figures.lines().any(|known| known == line), "{line} is missing:\n{figures}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_those_on_air_stay() {
    let mut platform = secured().await;
    let channel = platform.create_channel("Renewed", json!({"latencyMode": "ULTRA_LOW"})).await;
    let mut broadcast = Broadcast::push(&platform.secure_push_url(&channel.key), Clip::default());
    // It believes the first certificate alone, and asks over the one connection that it has.
    let mut viewer = join(&platform, &channel.playback_id).await;
    let old = platform.client().clone();

    let playlist = old.get(&viewer.url).send().await.expect("a playlist");
    assert_eq!(playlist.version(), reqwest::Version::HTTP_2);
    platform.renew_certificate();
    let seen = viewer.seen.len();
    // It is blocked on a stream of the old connection while the certificate is swapped, and goes on there afterwards.
    let renewed = eventually("the new certificate", SOON, || async {
        platform.client().get(platform.url("/healthz")).send().await.ok().map(|_| ())
    });
    tokio::join!(viewer.follow(SOON, |viewer| viewer.seen.len() >= seen + 2), renewed);
    let seen = viewer.seen.len();
    viewer.follow(SOON, |viewer| viewer.seen.len() > seen).await;
    assert!(viewer.unbroken().iter().all(|segment| !segment.gap), "{}", viewer.playlist.text);
    assert_eq!(old.get(platform.url("/healthz")).send().await.expect("the old connection").status(), 200);
    assert!(broadcast.is_running());
    assert!(sigma(&platform, &["channel", "list"]).contains("Renewed"));

    // A broken one is told, and changes nothing.
    let [chain, _] = platform.certificate_files();
    fs::write(&chain, "-----BEGIN CERTIFICATE-----\n").expect("written");
    let why = eventually("the broken certificate to be told", SOON, || async {
        let (status, ready) = platform.readiness().await;
        assert_eq!(status, 200, "it is ready all the same");
        let components = ready["components"].as_array().expect("components").clone();
        let tls = components.into_iter().find(|one| one["name"] == "tls").expect("a component");
        tls["message"].as_str().map(str::to_owned)
    })
    .await;
    assert!(why.contains("the old certificate goes on"), "{why}");
    assert!(platform.log().contains("the new certificate cannot be used"), "{}", platform.log());
}

#[tokio::test]
async fn who_speaks_in_clear_at_a_secure_door_is_told() {
    let platform = secured().await;
    let say = async |door: &str, words: &[u8]| {
        let mut socket = TcpStream::connect(door).await.expect("a connection");
        socket.write_all(words).await.expect("written");
        socket.shutdown().await.expect("shut down");
        let mut answer = Vec::new();
        // A reset is an end as well.
        let _ = socket.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let http = platform.http.clone();
    let page = say(&http, format!("GET /watch/x HTTP/1.1\r\nHost: {http}\r\n\r\n").as_bytes()).await;
    assert!(page.starts_with("HTTP/1.1 307 "), "{page}");
    assert!(page.contains(&format!("location: https://{http}/watch/x\r\n")), "{page}");
    let call = say(&http, format!("POST /graphql HTTP/1.1\r\nHost: {http}\r\n\r\n").as_bytes()).await;
    assert!(call.starts_with("HTTP/1.1 400 ") && call.contains("begin the address with https://"), "{call}");
    let mut hello = vec![3];
    hello.resize(1_537, 0);
    assert_eq!(say(&platform.rtmps, &hello).await, "", "RTMP in clear is not answered");
    eventually("the log to say so", Duration::from_secs(5), || async {
        platform.log().contains("it is to use rtmps://").then_some(())
    })
    .await;
}

#[tokio::test]
async fn over_https_the_dashboards_cookie_is_for_secure_pages_alone() {
    let platform = secured().await;
    let sign_in = |origin: String| {
        let body = json!({ "token": platform.admin_token() });
        platform.client().post(platform.url("/auth/sign-in")).header("origin", origin).json(&body).send()
    };
    let signed_in = sign_in(format!("https://{}", platform.http)).await.expect("an answer");
    assert_eq!(signed_in.status(), 204);
    let cookie = signed_in.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(cookie.starts_with("__Host-sigma_session=") && cookie.ends_with("; Secure"), "{cookie}");
    // One name of the web may have other doors in clear: only who names a public https address forswears them.
    assert!(!signed_in.headers().contains_key("strict-transport-security"));
    let pair = cookie.split(';').next().expect("a pair");
    let asked = platform
        .client()
        .post(platform.url("/graphql"))
        .header("cookie", pair)
        .header("origin", format!("https://{}", platform.http))
        .json(&json!({ "query": "{ me { kind } }" }));
    let asked: Value = asked.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(asked["data"]["me"]["kind"], "ADMIN", "{asked:#}");
    let planted = sign_in(format!("http://{}", platform.http)).await.expect("an answer");
    assert_eq!(planted.status(), 403, "a page in clear is another site");
}

/// A running `sigma demo`. Asked to end when dropped, so that its encoder ends with it.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        signal("TERM", self.0.id());
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_demonstration_runs_with_a_certificate() {
    let folder = tempfile::Builder::new().prefix("sigma-demo-").tempdir().expect("a temporary folder");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let made = made.expect("a certificate");
    let [chain, key] = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));
    fs::write(&chain, made.cert.pem()).expect("written");
    fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let [http, rtmp, rtmps] = [(); 3].map(|()| format!("127.0.0.1:{}", free_port()));
    let mut command = Command::new(binary());
    command.args(["demo", "--http", &http, "--rtmp", &rtmp, "--rtmps", &rtmps, "--data-dir"]);
    command.arg(folder.path().join("data")).arg("--tls-cert").arg(chain).arg("--tls-key").arg(key);
    command.env_remove("SIGMA_ADMIN_TOKEN").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut demo = Demo(command.spawn().expect("it starts"));
    let out = demo.0.stdout.take().expect("its output");
    let lines = tokio::task::spawn_blocking(move || {
        let mut told = Vec::new();
        for line in BufReader::new(out).lines() {
            told.push(line.expect("text"));
            if told.last().is_some_and(|line| line.starts_with("Ctrl-C")) {
                break;
            }
        }
        told
    });
    let told = sigma_clock::timeout(SOON, lines).await.expect("it says what it does").expect("it is read");
    let of = |what: &str| {
        let line = told.iter().find_map(|line| line.strip_prefix(&format!("  {what}")));
        line.unwrap_or_else(|| panic!("{what} is not told: {told:#?}")).trim().to_owned()
    };
    for what in ["watch page", "dashboard", "GraphQL"] {
        assert!(of(what).starts_with(&format!("https://{http}/")), "{told:#?}");
    }
    assert!(of("push your own").starts_with(&format!("rtmps://{rtmps}/live ")), "{told:#?}");

    let certificate = reqwest::Certificate::from_der(made.cert.der()).expect("a certificate");
    let client = reqwest::Client::builder().tls_certs_only([certificate]).build().expect("a client");
    let watch = of("watch page");
    let page = client.get(&watch).send().await.expect("the watch page");
    assert_eq!((page.status().as_u16(), page.version()), (200, reqwest::Version::HTTP_2));
    let list = format!("{}/index.m3u8", watch.replace("/watch/", "/live/"));
    let mut viewer = eventually("its own broadcast", SOON, || Viewer::open(client.clone(), &list)).await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;
    assert!(viewer.unbroken().iter().all(|segment| !segment.gap));
}
