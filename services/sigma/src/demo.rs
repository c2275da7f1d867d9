//! `sigma demo`: the platform, and a test pattern that goes in through the real RTMP door.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tracing::warn;

use crate::client::{Client, print};
use crate::fault::Fault;
use crate::serve::{FLUSH_WITHIN, Platform, Signals};
use crate::settings::Settings;
use crate::telemetry::Telemetry;

/// The demonstration's channel: reused when it is there.
const NAME: &str = "Demo";
/// The encoder is started again after this, and ever later while it keeps dying young.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// An encoder that ran this long did not die young.
const LIVED: Duration = Duration::from_secs(30);
/// The HTTP door answers its first request within this, or something is wrong.
const FIRST_ANSWER: Duration = Duration::from_secs(5);

/// The clock that is burnt into the picture: the machine's, in UTC, to the millisecond, read for each frame when it
/// is drawn. `time(0)` is asked for hours, minutes, seconds and thousandths, because ffmpeg 5's `localtime` knows none.
const CLOCK: &str = "drawtext=fontsize=64:fontcolor=white:box=1:boxcolor=black@0.7:boxborderw=16:x=(w-tw)/2:y=h-th-48:\
text='%{eif\\:mod(floor(time(0)/3600)\\,24)\\:d\\:2}\\:%{eif\\:mod(floor(time(0)/60)\\,60)\\:d\\:2}\\:\
%{eif\\:mod(floor(time(0))\\,60)\\:d\\:2}.%{eif\\:floor(mod(time(0)*1000\\,1000))\\:d\\:3} UTC'";

struct Channel {
    watch_url: String,
    rtmp_url: String,
    /// What encoders elsewhere are told, over TLS where that is taken.
    push_url: String,
    key: String,
}

/// Serves and broadcasts until SIGTERM or SIGINT.
pub(crate) async fn run(settings: Settings) -> Result<(), Fault> {
    let mut signals = Signals::listen()?;
    let telemetry = Telemetry::begin(&settings)?;
    let platform = tokio::select! {
        started = Platform::start(&settings, &telemetry) => started?,
        () = signals.stop() => return Ok(()),
    };
    let prepared = tokio::select! {
        prepared = channel(&platform) => prepared,
        () = signals.stop() => {
            platform.stop(&mut signals).await;
            return Ok(());
        }
    };
    let channel = match prepared {
        Ok(channel) => channel,
        Err(fault) => {
            platform.stop(&mut signals).await;
            return Err(fault);
        }
    };
    let ffmpeg = has_ffmpeg().await;
    tell(&platform, &channel, ffmpeg)?;
    let stopping = Arc::new(AtomicBool::new(false));
    let encoding = ffmpeg.then(|| tokio::spawn(broadcast(channel, Arc::clone(&stopping))));
    signals.stop().await;
    stopping.store(true, Ordering::Relaxed);
    // The encoder goes last: the session is left as every other is, to be resumed.
    platform.stop(&mut signals).await;
    if let Some(encoding) = encoding {
        encoding.abort();
    }
    telemetry.flush(FLUSH_WITHIN).await;
    Ok(())
}

fn tell(platform: &Platform, channel: &Channel, ffmpeg: bool) -> Result<(), Fault> {
    let url = &platform.url;
    let token = match &platform.token_place {
        Some(place) => place.display().to_string(),
        None => "in SIGMA_ADMIN_TOKEN".to_owned(),
    };
    let mut lines = vec![String::new(), "Sigma Livestream runs.".to_owned()];
    lines.extend(print::facts(&[
        ("  watch page", channel.watch_url.clone()),
        ("  dashboard", format!("{url}/")),
        ("  GraphQL", format!("{url}/graphql")),
        ("  admin token", token),
        ("  push your own", format!("{} with the key of `sigma channel create NAME`", channel.push_url)),
    ]));
    if !ffmpeg {
        lines.push("ffmpeg is missing, so nothing is broadcast; install it (apt-get install ffmpeg) and start again.".to_owned());
    }
    lines.extend(["Ctrl-C stops it all.".to_owned(), String::new()]);
    print::lines(lines)
}

/// The demonstration's channel: made, or found and made ready.
async fn channel(platform: &Platform) -> Result<Channel, Fault> {
    let client = Client::new(platform.url.clone(), platform.token.clone(), &platform.trust)?;
    let asked = sigma_clock::timeout(FIRST_ANSWER, prepare(&client)).await;
    let channel = asked.map_err(|_| Fault::new("the API does not answer", "see the log above"))??;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Channel {
        watch_url: text(&channel["watchUrl"]),
        // Through the door on this machine, whatever address encoders elsewhere are told; where it has none, as they do.
        rtmp_url: match platform.rtmp {
            Some(rtmp) => format!("rtmp://{rtmp}/live"),
            None => text(&channel["ingest"]["rtmpUrl"]),
        },
        push_url: text(
            channel["ingest"]
                .get("rtmpsUrl")
                .filter(|url| url.is_string())
                .unwrap_or(&channel["ingest"]["rtmpUrl"]),
        ),
        key: text(&channel["ingest"]["streamKey"]),
    })
}

async fn prepare(client: &Client) -> Result<Value, Fault> {
    const FIELDS: &str = "id name state latencyMode watchUrl ingest { rtmpUrl rtmpsUrl streamKey }";
    let find = format!(
        "query Demo($name: String!) {{ channels(search: $name, first: 100) {{ nodes {{ {FIELDS} }} }} }}"
    );
    let mut found = client.field(&find, json!({ "name": NAME }), "channels").await?;
    let nodes = found["nodes"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let Some(channel) = nodes.into_iter().find(|channel| channel["name"] == json!(NAME)) else {
        let create = format!(
            "mutation Demo($input: CreateChannelInput!) {{ createChannel(input: $input) {{ channel {{ {FIELDS} }} }} }}"
        );
        let input = json!({ "name": NAME, "latencyMode": "ULTRA_LOW" });
        let mut payload = client.field(&create, json!({ "input": input }), "createChannel").await?;
        return Ok(payload["channel"].take());
    };
    let id = &channel["id"];
    if channel["latencyMode"] != json!("ULTRA_LOW") {
        let update = "mutation Demo($id: ID!, $input: UpdateChannelInput!) { updateChannel(id: $id, input: $input) { channel { id } } }";
        let variables = json!({ "id": id, "input": { "latencyMode": "ULTRA_LOW" } });
        // On air it cannot be changed; the demonstration then runs as the channel stands.
        if let Err(fault) = client.ask(update, variables).await {
            warn!(%fault, "the channel Demo keeps its latency mode");
        }
    }
    if channel["state"] == json!("STOP") {
        let start = "mutation Demo($id: ID!) { startChannel(id: $id) { channel { id } } }";
        client.ask(start, json!({ "id": id })).await?;
    }
    Ok(channel)
}

pub(crate) async fn has_ffmpeg() -> bool {
    let mut command = Command::new("ffmpeg");
    command.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}

/// Keeps an encoder going until the platform stops. Aborted, it takes the encoder with it.
async fn broadcast(channel: Channel, stopping: Arc<AtomicBool>) {
    let mut pause = FIRST_PAUSE;
    while !stopping.load(Ordering::Relaxed) {
        let began = sigma_clock::monotonic();
        match encoder(&channel).spawn() {
            Ok(child) => follow(child, &channel.key, &stopping).await,
            Err(error) => warn!(%error, "ffmpeg cannot be started"),
        }
        if stopping.load(Ordering::Relaxed) {
            return;
        }
        if began.elapsed() >= LIVED {
            pause = FIRST_PAUSE;
        }
        warn!(again_in_s = pause.as_secs(), "the demonstration's encoder ended; it is started again");
        sigma_clock::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Hands the encoder's words to the log, without the key that stands in its address, until it ends.
async fn follow(mut child: Child, key: &str, stopping: &AtomicBool) {
    if let Some(words) = child.stderr.take() {
        let mut lines = BufReader::new(words).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if !stopping.load(Ordering::Relaxed) {
                warn!(ffmpeg = %line.replace(key, "…"), "the demonstration's encoder");
            }
        }
    }
    if let Err(error) = child.wait().await {
        warn!(%error, "the demonstration's encoder cannot be waited for");
    }
}

/// 720p30 with a key frame each second, and a tone that beeps each second.
fn encoder(channel: &Channel) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error"]);
    command.args(["-re", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"]);
    command.args(["-re", "-f", "lavfi", "-i", "sine=frequency=330:beep_factor=4:sample_rate=48000"]);
    command.args(["-vf", CLOCK, "-pix_fmt", "yuv420p"]);
    command.args(["-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-profile:v", "high"]);
    command.args(["-g", "30", "-keyint_min", "30", "-sc_threshold", "0"]);
    command.args(["-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "2500k"]);
    command.args(["-af", "volume=0.2", "-c:a", "aac", "-b:a", "128k", "-ac", "2"]);
    command.args(["-f", "flv", "-flvflags", "no_duration_filesize"]);
    command.arg(format!("{}/{}", channel.rtmp_url, channel.key));
    // In a group of its own: Ctrl-C is for the platform, which stops the encoder when its own work is done.
    command.process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}
