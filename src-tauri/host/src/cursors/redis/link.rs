//! The one connection to Redis: opened when it is needed, given up when it does not answer.

use std::{sync::Arc, time::Duration};

use ebb_core::{Code, Error, Result};
use parking_lot::Mutex;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, Pipeline, aio::MultiplexedConnection};
use tokio::time::{Instant, timeout};

use super::{super::status::Status, words};

/// How long connecting may take, greeting and password included.
const CONNECT: Duration = Duration::from_secs(1);
/// After a failure nobody tries for this long: who comes meanwhile hears the same.
const PAUSE: Duration = Duration::from_millis(250);

/// Why a command was not done, as a fragment for people.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) why: String,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// Counts connections, so that nobody gives up another one than the one that failed.
    generation: u64,
    failed: Option<(Instant, Trouble)>,
}

/// The connection.
pub(super) struct Link {
    client: Client,
    state: Mutex<State>,
    /// Held by whoever connects; the others wait for it.
    connecting: tokio::sync::Mutex<()>,
    status: Arc<Status>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The client knows the password.
        f.debug_struct("Link").field("connected", &self.state.lock().connection.is_some()).finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(url: &str, status: Arc<Status>) -> Result<Self> {
        let client = Client::open(url).map_err(|error| {
            Error::new(Code::InvalidArguments, format!("the URL of the cursor store is none: {}", words::of(&error)))
                .next(
                    "Write it as redis://[user:password@]host:port/database; without TLS, which goes through a tunnel.",
                )
        })?;
        Ok(Self { client, state: Mutex::default(), connecting: tokio::sync::Mutex::default(), status })
    }

    /// Runs commands within the deadline, connecting included. A failure is noted in the status; that
    /// the store works is for the caller to note, who knows what was asked.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        deadline: Duration,
        pipe: &Pipeline,
    ) -> std::result::Result<T, Trouble> {
        let used = Mutex::new(None);
        let work = async {
            let mut again = true;
            loop {
                let (mut connection, generation) = self.connection().await?;
                *used.lock() = Some(generation);
                let error = match pipe.query_async(&mut connection).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                if words::is_broken(&error) {
                    self.give_up(generation);
                }
                // A connection that broke while nobody used it is seen only now. Every command here may
                // be given twice.
                if !error.is_connection_dropped() || !std::mem::take(&mut again) {
                    return Err(Trouble { why: words::of(&error) });
                }
            }
        };
        let result = timeout(deadline, work).await.unwrap_or_else(|_| {
            if let Some(generation) = *used.lock() {
                self.give_up(generation);
            }
            Err(Trouble { why: format!("Redis does not answer within {} ms", deadline.as_millis()) })
        });
        if let Err(trouble) = &result {
            self.status.fails(&trouble.why);
        }
        result
    }

    fn open(&self) -> Option<std::result::Result<(MultiplexedConnection, u64), Trouble>> {
        let state = self.state.lock();
        if let Some(connection) = &state.connection {
            return Some(Ok((connection.clone(), state.generation)));
        }
        let (at, trouble) = state.failed.as_ref()?;
        (at.elapsed() < PAUSE).then(|| Err(trouble.clone()))
    }

    async fn connection(&self) -> std::result::Result<(MultiplexedConnection, u64), Trouble> {
        if let Some(open) = self.open() {
            return open;
        }
        let _connecting = self.connecting.lock().await;
        if let Some(open) = self.open() {
            return open;
        }
        // Deadlines are those of each command; the library's own would cut them short.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connected = timeout(CONNECT, self.client.get_multiplexed_async_connection_with_config(&config)).await;
        let mut state = self.state.lock();
        match connected {
            Ok(Ok(connection)) => {
                state.generation += 1;
                state.connection = Some(connection.clone());
                state.failed = None;
                Ok((connection, state.generation))
            }
            failed => {
                let why = match failed {
                    // Who is one too many can seldom read why before the door is shut.
                    Ok(Err(error)) if error.is_connection_dropped() && !error.is_connection_refusal() => {
                        "Redis closes the connection at once; it may have its maximum of clients".to_owned()
                    }
                    Ok(Err(error)) => words::of(&error),
                    _ => format!("Redis accepts no connection within {} ms", CONNECT.as_millis()),
                };
                let trouble = Trouble { why };
                state.failed = Some((Instant::now(), trouble.clone()));
                Err(trouble)
            }
        }
    }

    fn give_up(&self, generation: u64) {
        let mut state = self.state.lock();
        if state.generation == generation {
            state.connection = None;
        }
    }
}
