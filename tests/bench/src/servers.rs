//! The two servers that are held against each other.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Client;
use crate::process::{Core, Process, find_program, free_address, listening};

/// Debian's module for nginx.
const RTMP_MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/// nginx with its RTMP module, as Debian ships them.
#[derive(Debug)]
pub(crate) struct Nginx {
    pub(crate) process: Process,
    pub(crate) rtmp: SocketAddr,
    pub(crate) http: SocketAddr,
    folder: TempDir,
}

impl Nginx {
    /// Whether it is installed.
    pub(crate) fn is_there() -> bool {
        Path::new(RTMP_MODULE).exists() && find_program("nginx").is_some()
    }

    /// Starts one process with an application `live` (HLS on: 2 s fragments, as ours) and one `relay` (HLS off), and one `record`
    /// (HLS on, and all of it into files).
    pub(crate) async fn start(core: Core) -> io::Result<Self> {
        let folder = TempDir::with_prefix("sigma-bench-nginx-")?;
        let (rtmp, http) = (free_address()?, free_address()?);
        let root = folder.path().display();
        let config = format!(
            "load_module {RTMP_MODULE};
daemon off;
master_process off;
pid {root}/nginx.pid;
error_log {root}/error.log;
events {{ worker_connections 8192; }}
rtmp {{
  server {{
    listen {rtmp};
    chunk_size 4096;
    application live {{ live on; hls on; hls_path {root}/hls; hls_fragment 2s; hls_playlist_length 30s; }}
    application relay {{ live on; }}
    application record {{ live on; hls on; hls_path {root}/recorded; hls_fragment 2s; hls_playlist_length 30s; record all; record_path {root}/record; }}
  }}
}}
http {{
  sendfile on;
  tcp_nopush on;
  access_log off;
  keepalive_requests 1000000000;
  types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
  client_body_temp_path {root}/body;
  proxy_temp_path {root}/proxy;
  fastcgi_temp_path {root}/fastcgi;
  uwsgi_temp_path {root}/uwsgi;
  scgi_temp_path {root}/scgi;
  server {{ listen {http}; root {root}; }}
}}
"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, config)?;
        for name in ["hls", "recorded", "record"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        let log = folder.path().join("error.log");
        let arguments =
            ["-p", &root.to_string(), "-e", &log.display().to_string(), "-c", &file.display().to_string()]
                .map(str::to_owned);
        let program = find_program("nginx").ok_or_else(|| io::Error::other("nginx is not installed"))?;
        let mut process = Process::start(&program, &arguments, core, &folder.path().join("out.log"))?;
        listening(rtmp, &mut process, &log).await?;
        Ok(Self { process, rtmp, http, folder })
    }

    /// Waits until the playlist of `key` names `segments` segments; answers the newest but one.
    pub(crate) async fn segment(&self, key: &str, segments: usize) -> io::Result<String> {
        let file = self.folder.path().join("hls").join(format!("{key}.m3u8"));
        until("nginx writes segments", async || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let listed: Vec<&str> = text.lines().filter(|line| line.ends_with(".ts")).collect();
            let name = listed.iter().nth_back(1).filter(|_| listed.len() >= segments)?;
            Some(format!("/hls/{name}"))
        })
        .await
    }
}

/// Our own server.
#[derive(Debug)]
pub(crate) struct Sigma {
    pub(crate) process: Process,
    pub(crate) rtmp: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) token: String,
    _folder: TempDir,
}

/// A channel of ours.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) key: String,
    playback: String,
}

impl Sigma {
    /// Starts it with further flags beside its ports and its folder.
    pub(crate) async fn start(binary: &Path, core: Core, flags: &[String]) -> io::Result<Self> {
        let folder = TempDir::with_prefix("sigma-bench-")?;
        let (rtmp, http) = (free_address()?, free_address()?);
        let data = folder.path().join("data");
        let text = |part: &dyn std::fmt::Display| part.to_string();
        let arguments = [
            "serve".to_owned(),
            "--http".to_owned(),
            text(&http),
            "--rtmp".to_owned(),
            text(&rtmp),
            "--data-dir".to_owned(),
            text(&data.display()),
        ];
        let arguments = [arguments.as_slice(), flags].concat();
        let log = folder.path().join("sigma.log");
        let mut process = Process::start(binary, &arguments, core, &log)?;
        listening(http, &mut process, &log).await?;
        // Its ports are taken first of all; this is written when it is ready.
        until("the server is ready", async || data.join("endpoint").exists().then_some(())).await?;
        let token = std::fs::read_to_string(data.join("admin-token"))?.trim().to_owned();
        Ok(Self { process, rtmp, http, token, _folder: folder })
    }

    /// Asks the API.
    pub(crate) async fn graphql(&self, query: &str, variables: Value) -> io::Result<Value> {
        let mut client = Client::connect(self.http).await?;
        graphql(&mut client, &self.token, query, variables).await
    }

    /// Makes a channel in ULTRA_LOW: parts of half a second.
    pub(crate) async fn channel(&self, name: &str) -> io::Result<Channel> {
        self.channel_with(name, &Value::Null).await
    }

    /// The same with further settings.
    pub(crate) async fn channel_with(&self, name: &str, settings: &Value) -> io::Result<Channel> {
        let query = "mutation($input: CreateChannelInput!) { createChannel(input: $input) { streamKey channel { id playbackId } } }";
        let mut input = json!({"name": name, "latencyMode": "ULTRA_LOW", "endOnUnpublish": true});
        if let (Some(input), Some(settings)) = (input.as_object_mut(), settings.as_object()) {
            input.extend(settings.clone());
        }
        let made = self.graphql(query, json!({ "input": input })).await?;
        let made = &made["createChannel"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Channel {
            id: text(&made["channel"]["id"]),
            key: text(&made["streamKey"]),
            playback: text(&made["channel"]["playbackId"]),
        })
    }

    /// Waits until a channel can be played; answers the path of its media playlist.
    pub(crate) async fn playlist(&self, channel: &Channel) -> io::Result<String> {
        let path = format!("/live/{}/index.m3u8", channel.playback);
        until("a channel can be played", async || {
            let mut client = Client::connect(self.http).await.ok()?;
            let (head, body) = client.get(&path).await.ok()?;
            let text = std::str::from_utf8(body).ok().filter(|_| head.status == 200)?;
            text.lines().find(|line| line.ends_with(".m3u8")).map(str::to_owned)
        })
        .await
    }

    /// Waits until a media playlist lists `segments` whole segments; answers the newest one's path.
    pub(crate) async fn segment(&self, playlist: &str, segments: usize) -> io::Result<String> {
        let folder = playlist.rsplit_once('/').map_or("", |(folder, _)| folder);
        until("segments are listed", async || {
            let mut client = Client::connect(self.http).await.ok()?;
            let (_, body) = client.get(playlist).await.ok()?;
            let text = std::str::from_utf8(body).ok()?;
            let listed: Vec<&str> =
                text.lines().filter(|line| !line.starts_with('#') && line.ends_with(".m4s")).collect();
            let name = listed.last().filter(|_| listed.len() >= segments)?;
            Some(format!("{folder}/{name}"))
        })
        .await
    }
}

/// Asks the API over a connection.
pub(crate) async fn graphql(
    client: &mut Client,
    token: &str,
    query: &str,
    variables: Value,
) -> io::Result<Value> {
    let body = json!({"query": query, "variables": variables}).to_string();
    let (head, answer) = client.post("/graphql", token, body.as_bytes()).await?;
    let answer: Value = serde_json::from_slice(answer)
        .map_err(|error| io::Error::other(format!("the API answered {}: {error}", head.status)))?;
    match answer.get("errors") {
        Some(errors) => Err(io::Error::other(format!("the API answered {errors}"))),
        None => Ok(answer["data"].clone()),
    }
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> io::Result<T> {
    const WITHIN: Duration = Duration::from_secs(60);
    const PAUSE: Duration = Duration::from_millis(50);
    let answered = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            sigma_clock::sleep(PAUSE).await;
        }
    };
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("waited in vain: {what}"));
    sigma_clock::timeout(WITHIN, answered).await.map_err(late)
}
