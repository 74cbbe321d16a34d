//! The host's side of the guardian: starts `ebb guard`, tells it which run directories there are, and
//! starts another one when it dies or does not answer.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::task::TaskTracker;

use super::{guard, processes};
use crate::transport::proc::{self, ProcessKey};

/// How long the guardian may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// How long a new run directory waits for a guardian, restarts included.
const REGISTRATION: Duration = Duration::from_secs(3);
/// How long an orderly stop waits for the guardian to finish.
const DISMISSAL: Duration = Duration::from_secs(5);
/// Between two starts of guardians that do not live, doubled each time up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// A guardian that lived this long is replaced at once.
const LIVED: Duration = Duration::from_secs(2);
/// Words on their way to the guardian.
const WORDS: usize = 256;
/// Tells, in its environment, whose guardian a process is: the host as JSON, then the base of its run
/// directories.
const VARIABLE: &str = "EBB_GUARD_OF";

/// The guardian of one host.
#[derive(Debug)]
pub(crate) struct Guardian {
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    status: watch::Sender<Status>,
    tasks: TaskTracker,
}

/// What is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Status {
    pid: Option<u32>,
    problem: Option<String>,
}

#[derive(Debug)]
enum Order {
    Register(PathBuf, oneshot::Sender<()>),
    Forget(PathBuf),
    Check,
}

impl Guardian {
    /// Starts one from `program` (`ebb`) for the run directories below `base`. Does not wait for it. What it
    /// has to say goes into the log in `log_dir`; without one it keeps it to itself.
    pub(crate) fn start(program: PathBuf, base: PathBuf, log_dir: Option<PathBuf>) -> Arc<Self> {
        let (orders, received) = mpsc::channel(WORDS);
        let status = watch::Sender::new(Status::default());
        let tasks = TaskTracker::new();
        let keeper = Keeper {
            program,
            base,
            log_dir,
            orders: received,
            status: status.clone(),
            dirs: BTreeSet::new(),
            waiting: Vec::new(),
        };
        drop(tasks.spawn(keeper.run()));
        tasks.close();
        Arc::new(Self { orders: Mutex::new(Some(orders)), status, tasks })
    }

    /// Nobody: for tests of what else happens to run directories.
    pub(crate) fn none() -> Arc<Self> {
        let tasks = TaskTracker::new();
        tasks.close();
        Arc::new(Self { orders: Mutex::default(), status: watch::Sender::default(), tasks })
    }

    /// Puts a run directory under its care and waits until it says so. Without a guardian (that is shown)
    /// this goes on after three seconds: a browser still ends with its pipe.
    pub(crate) async fn register(&self, dir: &Path) {
        let Some(orders) = self.orders() else { return };
        let (done, registered) = oneshot::channel();
        let order = async {
            orders.send(Order::Register(dir.to_path_buf(), done)).await.ok()?;
            registered.await.ok()
        };
        if timeout(REGISTRATION, order).await.ok().flatten().is_none() {
            tracing::warn!(path = %dir.display(), "a run directory has no guardian yet");
        }
    }

    /// A run directory is gone.
    pub(crate) fn forget(&self, dir: &Path) {
        self.say(Order::Forget(dir.to_path_buf()));
    }

    /// Asks it for a sign of life; one that gives none is replaced.
    pub(crate) fn check(&self) {
        self.say(Order::Check);
    }

    /// Its process, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.status.borrow().pid
    }

    /// Why there is none, for people; none when all is well.
    pub(crate) fn problem(&self) -> Option<String> {
        self.status.borrow().problem.clone()
    }

    /// Hears whenever [`Guardian::problem`] may have another answer.
    pub(crate) fn changes(&self) -> watch::Receiver<impl Sized + use<>> {
        self.status.subscribe()
    }

    /// Lets it go. What is still in its care it ends and removes by itself, now.
    pub(crate) async fn stop(&self) {
        drop(self.orders.lock().take());
        drop(timeout(DISMISSAL, self.tasks.wait()).await);
    }

    fn orders(&self) -> Option<mpsc::Sender<Order>> {
        self.orders.lock().clone()
    }

    fn say(&self, order: Order) {
        // A word that finds no room is no loss: a directory that is gone cannot be removed again, and the
        // next check comes.
        drop(self.orders().map(|orders| orders.try_send(order)));
    }
}

/// The task that has a guardian.
struct Keeper {
    program: PathBuf,
    base: PathBuf,
    log_dir: Option<PathBuf>,
    orders: mpsc::Receiver<Order>,
    status: watch::Sender<Status>,
    /// What is in its care.
    dirs: BTreeSet<PathBuf>,
    /// Who waits until a guardian knows all of `dirs`.
    waiting: Vec<oneshot::Sender<()>>,
}

/// Whether the host still wants a guardian.
#[derive(PartialEq, Eq)]
enum Wanted {
    Yes,
    No,
}

impl Keeper {
    async fn run(mut self) {
        let mut pause = PAUSES.0;
        loop {
            let began = Instant::now();
            match Ward::start(&self) {
                Ok(ward) => {
                    if self.stand_by(ward).await == Wanted::No {
                        return;
                    }
                    self.say(None, Some("it ended; another one is started".to_owned()));
                }
                Err(error) => self.say(None, Some(format!("{} does not start: {error}", self.program.display()))),
            }
            if began.elapsed() > LIVED {
                pause = PAUSES.0;
                continue;
            }
            if self.rest(pause).await == Wanted::No {
                return;
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Speaks with a guardian until it ends or is not wanted any more.
    async fn stand_by(&mut self, mut ward: Ward) -> Wanted {
        let dirs: Vec<PathBuf> = self.dirs.iter().cloned().collect();
        let mut well = ward.tell("?", None).await;
        for dir in &dirs {
            well = well && ward.tell("+", Some(dir)).await;
        }
        if well {
            self.say(ward.child.id(), None);
            self.waiting.drain(..).for_each(tell_registered);
        }
        while well {
            let order = tokio::select! {
                order = self.orders.recv() => order,
                _ = ward.child.wait() => break,
            };
            well = match order {
                None => {
                    ward.dismiss().await;
                    return Wanted::No;
                }
                Some(Order::Register(dir, done)) => {
                    let known = ward.tell("+", Some(&dir)).await;
                    self.dirs.insert(dir);
                    if known {
                        tell_registered(done);
                    } else {
                        self.waiting.push(done);
                    }
                    known
                }
                Some(Order::Forget(dir)) => {
                    self.dirs.remove(&dir);
                    ward.tell("-", Some(&dir)).await
                }
                Some(Order::Check) => ward.tell("?", None).await,
            };
        }
        // It may be stopped and not dead; it must not wake up beside its successor.
        drop(ward.child.start_kill());
        drop(timeout(ANSWER, ward.child.wait()).await);
        Wanted::Yes
    }

    /// Waits before the next try; what comes meanwhile is remembered.
    async fn rest(&mut self, pause: Duration) -> Wanted {
        let end = Instant::now() + pause;
        loop {
            let order = tokio::select! {
                order = self.orders.recv() => order,
                () = sleep_until(end) => return Wanted::Yes,
            };
            match order {
                None => return Wanted::No,
                Some(Order::Register(dir, done)) => {
                    self.dirs.insert(dir);
                    self.waiting.push(done);
                }
                Some(Order::Forget(dir)) => drop(self.dirs.remove(&dir)),
                Some(Order::Check) => {}
            }
        }
    }

    fn say(&self, pid: Option<u32>, problem: Option<String>) {
        if let Some(problem) = &problem {
            tracing::warn!(problem, "no guardian");
        } else {
            tracing::debug!(pid, "the guardian stands by");
        }
        self.status.send_replace(Status { pid, problem });
    }
}

fn tell_registered(waiting: oneshot::Sender<()>) {
    // Who does not wait any more has gone on without.
    waiting.send(()).unwrap_or_default();
}

/// A running guardian.
struct Ward {
    child: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Ward {
    #[expect(clippy::disallowed_methods, reason = "this is the guardian itself; it ends with its pipe")]
    fn start(keeper: &Keeper) -> std::io::Result<Self> {
        let mut command = Command::new(&keeper.program);
        command.arg("guard").arg("--run-dir").arg(&keeper.base);
        if let Some(log_dir) = &keeper.log_dir {
            command.arg("--log-dir").arg(log_dir);
        }
        if let Some(host) = proc::key(std::process::id()).and_then(|key| serde_json::to_string(&key).ok()) {
            let mut of = std::ffi::OsString::from(host);
            of.push(&keeper.base);
            command.env(VARIABLE, of);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).current_dir("/");
        let mut child = command.spawn()?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("no pipes"));
        };
        Ok(Self { child, to, from: BufReader::new(from).lines() })
    }

    /// Says one line and waits for the answer; whether it came.
    async fn tell(&mut self, word: &str, dir: Option<&Path>) -> bool {
        let Ok(path) = dir.map(serde_json::to_string).transpose() else { return true };
        let line = format!("{word}{}\n", path.unwrap_or_default());
        let answered = timeout(ANSWER, async {
            self.to.write_all(line.as_bytes()).await.ok()?;
            self.to.flush().await.ok()?;
            self.from.next_line().await.ok().flatten()
        });
        answered.await.ok().flatten().is_some_and(|answer| answer == guard::ANSWER)
    }

    async fn dismiss(self) {
        let Self { mut child, to, from } = self;
        drop((to, from));
        drop(timeout(DISMISSAL, child.wait()).await);
    }
}

/// Ends guardians of dead hosts with this base: one that is stopped would stay for ever. How many.
pub(super) fn end_orphans(base: &Path) -> usize {
    let mut ended = 0;
    for stat in proc::all() {
        let Some(of) = processes::variable(stat.key.pid, VARIABLE) else { continue };
        let mut host = serde_json::Deserializer::from_slice(&of).into_iter::<ProcessKey>();
        let Some(Ok(key)) = host.next() else { continue };
        let ours = of.get(host.byte_offset()..) == Some(base.as_os_str().as_encoded_bytes());
        // Its children, if it had any, would carry the variable too; it has none.
        if ours && stat.exit().is_none() && key.pid != std::process::id() && !proc::lives(key) {
            processes::kill(stat.key.pid);
            ended += 1;
        }
    }
    ended
}
