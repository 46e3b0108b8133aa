//! Everything that must be there before the hub is ready. What is missing is
//! said in one line, and nothing half-started stays behind.

use std::io::{self, Write};
use std::net::TcpListener as StdListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::process::{self, Resource, Rlimit};
use sd_notify::NotifyState;
use smol::Task;
use smol::net::TcpListener;
use thiserror::Error;

use super::Hub;
use super::fetching::Fetching;
use super::reload::Loaded;
use super::settings::{listens, net_settings, store_settings};
use crate::auth::{self, Verifier};
use crate::config::{Configuration, ConfigurationError, is_root};
use crate::control::{self, ListenerState};
use crate::logging::Logging;
use crate::net::connection::prepare;
use crate::net::executor::Executor;
use crate::net::fetcher::Provider;
use crate::net::listen::{Listen, explain_bind_error};
use crate::net::listener::accept_loop;
use crate::net::metrics;
use crate::net::office::Office;
use crate::net::tls::ServerTlsError;
use crate::store::{OpenError, Store, StoreError};

/// Why the hub does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A file is not good.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// `serve` as root.
    #[error(
        "serve does not run as root: a hub that was never root has nothing to lose but mail. Start it by the \
         systemd unit, or as a user of its own (runuser -u postroom -- postroom serve); where it must be, set \
         allow_root = true in postroom.toml"
    )]
    Root,
    /// The log cannot be written.
    #[error(
        "{file}: the log cannot be opened: {why}; correct [log] file, or let the hub's user write there"
    )]
    Log {
        /// The file; "standard error" without one.
        file: String,
        /// What the system says.
        why: io::Error,
    },
    /// The system gives no threads.
    #[error(
        "the system gives the hub too few threads ({0}): raise the limit (TasksMax in the systemd unit, ulimit -u)"
    )]
    Threads(io::Error),
    /// The system lets no signals be caught.
    #[error("cannot catch signals: {0}")]
    Signals(io::Error),
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store cannot be read.
    #[error("the store cannot be read: {0}")]
    Reading(#[from] StoreError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] ServerTlsError),
    /// A socket cannot be opened.
    #[error("{0}")]
    Listen(String),
    /// The control socket cannot be opened.
    #[error("cannot open the control socket in {folder}: {why}")]
    Control {
        /// The data folder.
        folder: String,
        /// What the system says.
        why: io::Error,
    },
}

/// Where mail will come from: the open sockets, before anything is accepted on
/// them, and the accounts at providers, before they are polled.
pub struct Sources {
    mail: Vec<(Listen, StdListener)>,
    metrics: Vec<StdListener>,
    control: smol::net::unix::UnixListener,
    providers: Vec<Provider>,
}

/// The tasks that accept connections; dropping them ends that.
pub type Accepting = Vec<Task<()>>;

/// Reads the files, opens store and sockets.
pub fn open(path: &Path, executor: &Executor) -> Result<(Hub, Sources), StartError> {
    let configuration = Configuration::load(path)?;
    if is_root() && !configuration.allow_root {
        return Err(StartError::Root);
    }
    let file = configuration.log.file.as_deref();
    let logging = Logging::start(configuration.log.level, file).map_err(|why| StartError::Log {
        file: file.map_or("standard error".to_string(), |file| {
            file.display().to_string()
        }),
        why,
    })?;
    std::panic::set_hook(Box::new(|panic| log::error!("internal error: {panic}")));
    raise_descriptor_limit();
    warn_of_few_descriptors(&configuration);
    super::reload::warn(&configuration);
    let tls = super::reload::load_tls(&configuration)?;
    let directory = configuration.load_directory()?;
    // The sockets before the store: a port that is taken is found out at once.
    let mail = bind_all(&configuration)?;
    let metrics = configuration.metrics.iter();
    let metrics: Result<Vec<StdListener>, String> = metrics.map(|at| metrics::bind(*at)).collect();
    let metrics = metrics.map_err(StartError::Listen)?;
    let store = Store::open(&store_settings(&configuration), crate::store::Moment::now())?;
    let directory = smol::block_on(super::reload::reconcile(&store, directory))?;
    let control = control::listen(store.data_dir()).map_err(|why| StartError::Control {
        folder: store.data_dir().display().to_string(),
        why,
    })?;
    let verifier = Verifier::start(&auth::Settings::default()).map_err(StartError::Threads)?;
    let settings = net_settings(&configuration, tls);
    let office = Office::new(
        settings,
        directory,
        store,
        verifier,
        configuration.limits.clone(),
    );
    let office = Arc::new(office);
    let shown = metrics.iter().filter_map(metrics_state);
    let listeners = mail.iter().map(listener_state).chain(shown).collect();
    let hub = Hub {
        path: path.to_path_buf(),
        fetching: Fetching::new(Arc::clone(&office), &executor.tasks()),
        office,
        listeners,
        logging,
        started: SystemTime::now(),
        loaded: smol::lock::Mutex::new(Loaded::new(&configuration)),
    };
    let sources = Sources {
        mail,
        metrics,
        control,
        providers: configuration.providers,
    };
    Ok((hub, sources))
}

/// Begins to accept, and to poll.
pub fn accept(
    hub: &Arc<Hub>,
    sources: Sources,
    executor: &Executor,
) -> Result<Accepting, StartError> {
    let tasks = executor.tasks();
    let mut accepting = Accepting::new();
    for (listen, socket) in sources.mail {
        let socket =
            TcpListener::try_from(socket).map_err(|why| StartError::Listen(why.to_string()))?;
        let office = Arc::clone(&hub.office);
        accepting.push(tasks.spawn(accept_loop(listen, socket, office, Arc::clone(&tasks))));
    }
    for socket in sources.metrics {
        let socket =
            TcpListener::try_from(socket).map_err(|why| StartError::Listen(why.to_string()))?;
        accepting.push(tasks.spawn(metrics::serve(socket, Arc::clone(hub))));
    }
    smol::block_on(hub.fetching.apply(&sources.providers));
    let hub = Arc::clone(hub);
    accepting.push(tasks.spawn(control::serve(sources.control, hub, Arc::clone(&tasks))));
    Ok(accepting)
}

/// Says that the hub is ready, to people, scripts and systemd.
pub fn announce(hub: &Hub, after: Duration) {
    for listener in &hub.listeners {
        log::info!("listening on {} for {}", listener.address, listener.name);
    }
    log::info!("ready after {} ms", after.as_millis());
    // A script may have closed our output; the hub is ready all the same.
    let _ = writeln!(io::stdout(), "ready");
    if let Err(why) = sd_notify::notify(&[NotifyState::Ready]) {
        log::warn!("systemd cannot be told that the hub is ready: {why}");
    }
}

/// Every socket of the configuration: from systemd if it passes one of that
/// address, else opened here.
fn bind_all(configuration: &Configuration) -> Result<Vec<(Listen, StdListener)>, StartError> {
    let mut passed = passed_by_systemd();
    let mut sockets = Vec::new();
    for listen in listens(configuration) {
        let place = passed
            .iter()
            .position(|socket| socket.local_addr().is_ok_and(|own| own == listen.address));
        let socket = match place {
            Some(place) => passed.swap_remove(place),
            None => match listen.bind() {
                Ok(socket) => socket,
                Err(why) if listen.needs_missing_ipv6(&why) => {
                    log::warn!(
                        "not listening on {}: this machine has no IPv6",
                        listen.address
                    );
                    continue;
                }
                Err(why) => return Err(StartError::Listen(explain_bind_error(&listen, &why))),
            },
        };
        sockets.push((listen, socket));
    }
    for socket in passed {
        if let Ok(address) = socket.local_addr() {
            log::warn!(
                "systemd passes a socket on {address}, and no listen line of postroom.toml names it"
            );
        }
    }
    Ok(sockets)
}

fn passed_by_systemd() -> Vec<StdListener> {
    let mut environment = listenfd::ListenFd::from_env();
    (0..environment.len())
        .filter_map(|place| environment.take_tcp_listener(place).ok().flatten())
        .inspect(|socket| {
            // The unit sets the same, for who came before us; without it the hub works.
            let _ = prepare(socket);
        })
        .collect()
}

/// As many descriptors as the system allows: the usual soft limit of 1024 is
/// meant for programs that use select(2).
fn raise_descriptor_limit() {
    let limit = process::getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(why) = process::setrlimit(Resource::Nofile, most) {
        log::warn!(
            "the limit on open files stays at {:?}: {why}",
            limit.current
        );
    }
}

/// What is set is not what there will be: the administrator should know.
fn warn_of_few_descriptors(configuration: &Configuration) {
    let limits = &configuration.limits;
    let most = limits.connections_max();
    if most < limits.connections_by_memory() {
        log::warn!(
            "only {most} connections at once instead of {}: the system gives the hub too few open files \
             (LimitNOFILE in the systemd unit, or ulimit -n)",
            limits.connections_by_memory()
        );
    }
}

fn listener_state((listen, socket): &(Listen, StdListener)) -> ListenerState {
    let address = socket.local_addr().unwrap_or(listen.address);
    ListenerState {
        name: listen.name().to_string(),
        address: address.to_string(),
    }
}

fn metrics_state(socket: &StdListener) -> Option<ListenerState> {
    Some(ListenerState {
        name: metrics::NAME.to_string(),
        address: socket.local_addr().ok()?.to_string(),
    })
}
