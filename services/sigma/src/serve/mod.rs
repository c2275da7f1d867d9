//! `sigma serve`: puts the platform together, opens its doors, and closes them in order.

mod components;
mod figures;
mod kafka;
mod pressure;
mod signals;
mod store_figures;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sigma_api::graphql::{Api, ApiParts, IngestHealth, NothingOnAir, PlatformFacts, SettingInForce};
use sigma_api::http::{self, CookieKey, MetricSource, Shell};
use sigma_api::{Addresses, Nodes};
use sigma_app::{AdminToken, App, ReadModels, Subjects, Vault};
use sigma_archive::Archive;
use sigma_clock::{Backoff, Clock, SteadyClock, SystemClock};
use sigma_cluster::{Cluster, Me, RENEWAL};
use sigma_door::Pressure;
use sigma_runner::{Home, Runner, RunnerHandle};
use sigma_store::{EventLog, History, Journal};
use sigma_store_postgres::{PostgresOptions, PostgresStore};
use sigma_store_sqlite::SqliteStore;
use sigma_tables::{Address, Place, Schema};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::fault::Fault;
use crate::folder::{DataFolder, Names, plain, reachable};
use crate::media::{self, Elsewhere, Entrance, Media, Replays};
use crate::nodes::{self, Roster};
use crate::projections::Running;
use crate::settings::{EventStore, InForce, Settings};
use crate::telemetry::Telemetry;
use crate::tls::{Keeper, Trust};

pub(crate) use components::{ROOM_BYTES, room};
pub(crate) use figures::most_files;
use pressure::Gauge;
pub(crate) use pressure::Limits as AdmissionLimits;
pub(crate) use signals::Signals;
use store_figures::Measured;

/// Everything has ended this long after the call to stop, or is left behind: the contract's 5 s, with room.
const STOP_WITHIN: Duration = Duration::from_millis(4_500);

/// Traces that have not been sent when all else has ended get this much more.
pub(crate) const FLUSH_WITHIN: Duration = Duration::from_millis(400);

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn run(settings: Settings) -> Result<(), Fault> {
    let mut signals = Signals::listen()?;
    let telemetry = Telemetry::begin(&settings)?;
    let platform = tokio::select! {
        started = Platform::start(&settings, &telemetry) => started?,
        () = signals.stop() => return Ok(()),
    };
    signals.stop().await;
    platform.stop(&mut signals).await;
    telemetry.flush(FLUSH_WITHIN).await;
    Ok(())
}

/// The running platform.
pub(crate) struct Platform {
    /// Where this machine reaches the HTTP door.
    pub(crate) url: String,
    /// Where this machine reaches the RTMP door, where feeds are taken.
    pub(crate) rtmp: Option<SocketAddr>,
    /// Whose certificate this very server shows.
    pub(crate) trust: Trust,
    /// The token that may do everything.
    pub(crate) token: String,
    /// Where the token stands; none when it came with the environment.
    pub(crate) token_place: Option<PathBuf>,
    folder: DataFolder,
    media: Option<Media>,
    cluster: Cluster,
    runner: RunnerHandle,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Platform {
    /// Starts everything. The doors are bound first, so that a port in use is told before anything is written, and
    /// opened last.
    pub(crate) async fn start(settings: &Settings, telemetry: &Telemetry) -> Result<Self, Fault> {
        let folder = DataFolder::take(&settings.data_dir)?;
        let http_door = bind("http", &settings.http).await?;
        let roles = settings.roles;
        let rtmp_door = match roles.ingest {
            true => Some(bind("rtmp", &settings.rtmp).await?),
            false => None,
        };
        let rtmps_door = match &settings.tls {
            Some(tls) if roles.ingest => Some(bind("rtmps", &tls.rtmps).await?),
            _ => None,
        };
        let http = reachable(address_of(&http_door)?);
        let rtmp = rtmp_door.as_ref().map(address_of).transpose()?.map(reachable);
        let rtmps = rtmps_door.as_ref().map(address_of).transpose()?.map(reachable);
        let keeper = match &settings.tls {
            Some(tls) => {
                let copy = folder.names().certificate();
                Some(Arc::new(Keeper::open(tls.files.clone(), copy, Arc::new(SystemClock))?))
            }
            None => None,
        };
        let token = folder.admin_token(settings.admin_token.as_ref())?;
        let token_place = settings.admin_token.is_none().then(|| folder.names().admin_token());
        let vault = Vault::new(folder.master_key(settings.master_key.as_ref())?).map_err(Fault::told)?;
        let path_secret = vault.derive("media paths").map_err(Fault::told)?;
        let cookie_key = CookieKey::new(vault.derive("dashboard cookie").map_err(Fault::told)?);
        let steady = Arc::new(SteadyClock::default());
        let clock: Arc<dyn Clock> = steady.clone();
        let started_at_ms = clock.now().millis();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let (scheme, trust) = match &keeper {
            None => ("http", Trust::Machine),
            Some(_) => ("https", Trust::Alone(folder.names().certificate())),
        };
        let url = format!("{scheme}://{http}");
        let sessions: Arc<AtomicUsize> = Arc::default();
        let me = Me {
            id: folder.node_id(settings.node_id.as_deref())?,
            roles: roles.names(),
            version: version.clone(),
            url: settings.public_url.clone().unwrap_or_else(|| url.clone()),
            rtmp: rtmp
                .map(|rtmp| settings.public_rtmp.clone().unwrap_or_else(|| format!("rtmp://{rtmp}/live"))),
            sessions: Arc::clone(&sessions),
        };
        let cluster = match &settings.event_store {
            EventStore::Sqlite => Cluster::alone(me, started_at_ms),
            EventStore::Postgres { address, .. } => {
                until_it_answers(address).await;
                Cluster::join(address, me).await.map_err(Fault::told)?
            }
        };

        // Where this process runs no projections, it reads what others run.
        let duties = if roles.projections { cluster.clone() } else { cluster.standing_by() };
        let admin_token = AdminToken::new(token.clone());
        let store = Opened::of(&settings.event_store, folder.names(), &duties).await?;
        let (journal, store_figures) = Measured::new(Arc::clone(&store.journal), store.files.clone());
        let journal: Arc<dyn Journal> = Arc::new(journal);
        let database = store.database.clone();
        let stream = match &settings.kafka {
            Some(kafka) => {
                let log = Arc::clone(&store.log);
                Some(kafka::Stream::start(kafka, cluster.node_id(), &*journal, log, roles).await?)
            }
            None => None,
        };
        let archive = Archive::open(&settings.objects).map_err(|error| {
            Fault::new(
                format!("the object store cannot be used: {error}"),
                "see --objects and, for a bucket, the variables AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY",
            )
        })?;
        let recordings = Arc::new(media::Recordings::new(archive));
        let (runner, app) = control_plane(
            store,
            duties,
            Arc::clone(&recordings),
            stream.clone(),
            Arc::clone(&journal),
            (vault, admin_token),
            Arc::clone(&clock),
        )
        .await?;
        let pressure: Arc<Pressure> = Arc::default();
        let gauge = Arc::new(Gauge::new(settings.admission, Arc::clone(&pressure)));
        let roster = Arc::new(Roster::new(cluster.clone()).await);
        // One process alone has nowhere to send anybody.
        let elsewhere = database.is_some().then(|| {
            let here = cluster.node_id().to_owned();
            let clock = Arc::clone(&clock);
            Arc::new(Elsewhere::new(Arc::clone(&app), Arc::clone(&roster), here, &path_secret, clock))
        });
        let media = if roles.ingest {
            let seconds = stream.as_ref().and_then(|stream| stream.seconds());
            let entrance = Entrance { pressure: Arc::clone(&pressure), path_secret, seconds, recordings };
            let node = cluster.node_id().to_owned();
            Some(Media::open(settings, folder.names(), node, entrance, &app, clock).await?)
        } else {
            None
        };

        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(Arc::clone(&app).run(stop.clone().cancelled_owned()));
        if roles.projections && database.is_some() {
            let looking = Arc::clone(&app).look_after_lost_nodes(cluster.clone());
            tasks.spawn(stop.clone().run_until_cancelled_owned(looking));
        }
        tasks.spawn(Arc::clone(&roster).follow(stop.clone()));
        tasks.spawn(nodes::come_back(cluster.clone(), media.clone(), stop.clone()));
        if let (Some(media), Some(rtmp_door)) = (&media, rtmp_door) {
            let secure = rtmps_door.zip(keeper.as_ref().map(|keeper| keeper.rtmps()));
            media.serve(rtmp_door, secure, &tasks, &stop);
            tasks.spawn(stop.clone().run_until_cancelled_owned(count_sessions(media.clone(), sessions)));
        }
        let running = Running(runner.clone());
        let wall_clock = Arc::new(components::WallClock::new(steady));
        tasks.spawn(Arc::clone(&wall_clock).watch(stop.clone()));
        let mut components: Vec<Arc<dyn http::Component>> = vec![
            Arc::new(components::Store {
                journal,
                database: database.clone(),
                disk: components::Disk::of(folder.names().folder()),
            }),
            Arc::new(running.clone()),
            Arc::new(components::ProcessManagers(Arc::clone(&app))),
            wall_clock,
            Arc::clone(&gauge) as Arc<dyn http::Component>,
        ];
        let mut sources: Vec<Arc<dyn MetricSource>> = vec![
            Arc::new(figures::Process),
            Arc::new(figures::Runtime),
            store_figures,
            Arc::new(running.clone()),
            Arc::clone(&gauge) as Arc<dyn MetricSource>,
        ];
        if let Some(media) = &media {
            components.push(Arc::new(media.clone()));
            sources.push(Arc::new(media.clone()));
            components.push(Arc::new(media.painter()));
            sources.push(Arc::new(media.painter()));
        }
        if database.is_some() {
            components.push(Arc::clone(&roster) as Arc<dyn http::Component>);
        }
        sources
            .extend(database.map(|store| Arc::new(store_figures::Database(store)) as Arc<dyn MetricSource>));
        if let Some(stream) = stream.clone() {
            components.push(Arc::clone(&stream) as Arc<dyn http::Component>);
            sources.push(stream);
        }
        if let Some(keeper) = &keeper {
            components.push(Arc::clone(keeper) as Arc<dyn http::Component>);
            sources.push(Arc::clone(keeper) as Arc<dyn MetricSource>);
            tasks.spawn(Arc::clone(keeper).run(stop.clone()));
        }
        let health: Arc<dyn IngestHealth> = match &media {
            Some(media) => Arc::new(media.clone()),
            None => Arc::new(NothingOnAir),
        };
        let shell = Shell::new(http::Parts {
            api: Api::new(ApiParts {
                app: Arc::clone(&app),
                reads: Arc::clone(app.views()),
                projections: Arc::new(running.clone()),
                health: kafka::everywhere(stream.as_deref(), health),
                components: components.clone(),
                nodes: Arc::clone(&roster) as Arc<dyn Nodes>,
                facts: PlatformFacts { version, started_at_ms, settings: told(&settings.in_force) },
                limits: settings.query_limits,
            }),
            addresses: Addresses {
                public_url: settings.public_url.clone(),
                public_rtmp: settings.public_rtmp.clone(),
                public_rtmps: settings.public_rtmps.clone(),
                https: keeper.is_some(),
                listening_on: http.to_string(),
                rtmp_port: rtmp.map(|rtmp| rtmp.port()),
                rtmps_port: rtmps.map(|rtmps| rtmps.port()),
            },
            admin_token_place: token_place.as_ref().map(|place| place.display().to_string()),
            nodes: roster,
            serves_api: roles.api,
            components,
            sources,
            fallback: media::viewers(media.clone(), elsewhere, Replays::new(Arc::clone(&app)), roles),
            limits: settings.limits.clone(),
            traces: telemetry.requests(),
            pressure,
            cookie_key,
            trusted_proxies: settings.trusted_proxies.clone(),
            cors_origins: settings.cors_origins.clone(),
        });
        tasks.spawn(gauge.run(shell.clone(), stop.clone()));
        // Before the door answers: whoever is told that the server is ready finds it.
        folder.write_endpoint(&url)?;
        let (limits, stopping) = (settings.limits.clone(), stop.clone());
        match &keeper {
            None => tasks.spawn(http::serve(http_door, shell, limits, stopping)),
            Some(keeper) => tasks.spawn(http::serve_tls(http_door, keeper.http(), shell, limits, stopping)),
        };
        let rtmps = rtmps.map(tracing::field::display);
        let told_rtmp = rtmp.map(tracing::field::display);
        let roles = roles.names().join(",");
        info!(http = %url, rtmp = told_rtmp, rtmps, roles, data = %folder.names().folder().display(), "the doors are open");
        Ok(Self { url, rtmp, trust, token, token_place, folder, media, cluster, runner, stop, tasks })
    }

    /// Takes no new work, leaves sessions resumable, closes files; gives up on what takes too long, or when it is
    /// asked a second time.
    pub(crate) async fn stop(self, signals: &mut Signals) {
        info!("stopping");
        let orderly = async {
            self.folder.remove_endpoint();
            // First, so that what ends is told as the server's own stop and not as a loss of the feed.
            if let Some(media) = &self.media {
                media.park().await;
            }
            self.stop.cancel();
            self.tasks.close();
            self.tasks.wait().await;
            self.runner.shutdown().await;
            self.cluster.leave().await;
        };
        tokio::select! {
            ended = sigma_clock::timeout(STOP_WITHIN, orderly) => match ended {
                Ok(()) => info!("stopped"),
                Err(_) => warn!("stopped without waiting for all that was in flight"),
            },
            () = signals.stop() => warn!("asked a second time: stopped at once"),
        }
    }
}

/// How long is waited before a database that is away is tried again: at first, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Waits for a database that is away. After a failure of power all begin at once, and the database is rarely the first.
async fn until_it_answers(address: &Address) {
    let schema = Schema::new(address, "public");
    let (mut wait, mut is_told) = (Backoff::new(FIRST_WAIT, LONGEST_WAIT), false);
    while let Some(why) = schema.away().await {
        if !std::mem::replace(&mut is_told, true) {
            warn!(database = %address, why, "the database is away and is waited for; start it, or name another with --event-store");
        }
        sigma_clock::sleep(wait.step()).await;
    }
}

/// Says again and again how many sessions are on air here, for the others to see.
async fn count_sessions(media: Media, told: Arc<AtomicUsize>) {
    loop {
        told.store(media.on_air(), Ordering::Relaxed);
        sigma_clock::sleep(RENEWAL).await;
    }
}

/// The event store, opened, and where all else that follows from it is kept.
struct Opened {
    journal: Arc<dyn Journal>,
    log: Arc<dyn EventLog>,
    history: Arc<dyn History>,
    /// Where it is a database: for what only a database has to tell.
    database: Option<PostgresStore>,
    /// Files whose sizes are told, by the label of each.
    files: Vec<(&'static str, PathBuf)>,
    views: Home,
    process: Place,
}

/// The schema of the process managers' rows.
pub(crate) const PROCESS_SCHEMA: &str = "sigma_process";

impl Opened {
    async fn of(event_store: &EventStore, names: &Names, cluster: &Cluster) -> Result<Self, Fault> {
        match event_store {
            EventStore::Sqlite => {
                let store = SqliteStore::open(names.events()).await.map_err(Fault::told)?;
                Ok(Self {
                    journal: Arc::new(store.clone()),
                    log: Arc::new(store.clone()),
                    history: Arc::new(store),
                    database: None,
                    files: vec![("events", names.events()), ("process", names.process())],
                    views: Home::from(names.views()),
                    process: Place::File(names.process()),
                })
            }
            EventStore::Postgres { address, connections } => {
                let options = PostgresOptions { connections: *connections, ..PostgresOptions::default() };
                let store = PostgresStore::open(address, &options).await.map_err(Fault::told)?;
                Ok(Self {
                    journal: Arc::new(store.clone()),
                    log: Arc::new(store.clone()),
                    history: Arc::new(store.clone()),
                    database: Some(store),
                    files: Vec::new(),
                    views: Home::Database { address: address.clone(), cluster: cluster.clone() },
                    process: Place::Schema(Schema::new(address, PROCESS_SCHEMA)),
                })
            }
        }
    }
}

/// Use cases over a store, and read models over the log that they follow.
async fn control_plane(
    store: Opened,
    cluster: Cluster,
    recordings: Arc<media::Recordings>,
    stream: Option<Arc<kafka::Stream>>,
    journal: Arc<dyn Journal>,
    (vault, admin_token): (Vault, AdminToken),
    clock: Arc<dyn Clock>,
) -> Result<(RunnerHandle, Arc<App>), Fault> {
    let Opened { log, history, views, process, .. } = store;
    let vault = Arc::new(vault);
    let subjects = Arc::new(Subjects::new(Arc::clone(&journal), Arc::clone(&vault)));
    let projections = sigma_views::projections(&subjects);
    let followed = stream.as_ref().map_or_else(|| Arc::clone(&log), |stream| stream.log());
    let runner = Runner::start(followed, views, projections).await.map_err(Fault::told)?;
    let views = sigma_views::Views::new(runner.clone());
    let views = match stream {
        Some(stream) => views.stand_still_while(move || stream.is_away()),
        None => views,
    };
    let views: Arc<dyn ReadModels> = Arc::new(views);
    let parts = sigma_app::Parts {
        journal,
        log,
        history,
        views,
        clock,
        vault,
        admin_token,
        process,
        recordings,
        cluster,
    };
    let app = App::open(parts).await.map_err(Fault::told)?;
    Ok((runner, app))
}

async fn bind(door: &str, address: &str) -> Result<TcpListener, Fault> {
    TcpListener::bind(address).await.map_err(|error| {
        let wrong = format!("{address} cannot be listened on for {door}: {}", plain(&error));
        let mend = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("stop what uses the port, or name another with --{door}")
            }
            std::io::ErrorKind::PermissionDenied => format!("take a port from 1024 on with --{door}"),
            _ => format!("name an address of this machine with --{door}"),
        };
        Fault::new(wrong, mend)
    })
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, Fault> {
    listener.local_addr().map_err(|error| Fault::new(format!("a door has no address: {error}"), "try again"))
}

/// The settings as the API tells them: secrets are none among them.
fn told(in_force: &[InForce]) -> Vec<SettingInForce> {
    let told = |InForce { name, value, source }: &InForce| SettingInForce {
        name: (*name).to_owned(),
        value: value.clone(),
        source: source.clone(),
    };
    in_force.iter().map(told).collect()
}
