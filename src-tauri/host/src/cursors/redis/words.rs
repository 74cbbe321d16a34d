//! What Redis says, as fragments for people. Never the URL.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Longer texts of a server are cut.
const MAX: usize = 200;

/// Why something failed.
pub(super) fn of(error: &RedisError) -> String {
    match error.clone().into_server_errors() {
        // A pipeline's first refusal says why the others came.
        Some(errors) if !errors.is_empty() => {
            let (_, first) = &errors[0];
            server(first.code(), first.details().unwrap_or_default())
        }
        _ => match error.kind() {
            ErrorKind::AuthenticationFailed => "Redis refuses the user name or password".to_owned(),
            ErrorKind::InvalidClientConfig => clip(&error.to_string()),
            ErrorKind::Io if error.is_connection_refusal() => "nothing listens at the address of Redis".to_owned(),
            ErrorKind::Io => clip(&format!("the connection to Redis broke: {error}")),
            ErrorKind::Server(_) | ErrorKind::Extension => {
                server(error.code().unwrap_or_default(), error.detail().unwrap_or_default())
            }
            _ => clip(&format!("Redis answers what it should not: {error}")),
        },
    }
}

fn server(code: &str, detail: &str) -> String {
    let why = match code {
        "OOM" => "Redis is out of memory",
        "READONLY" => "Redis is read-only: it is a replica",
        "NOAUTH" => "Redis wants a password",
        "WRONGPASS" => "Redis refuses the user name or password",
        "NOPERM" => "this user of Redis may not do that",
        "LOADING" => "Redis is still loading its data",
        "MISCONF" => "Redis cannot write its data to disk and takes none",
        _ if detail.contains("max number of clients") => "Redis has its maximum of clients",
        _ => return clip(&format!("Redis says {code} {detail}")),
    };
    why.to_owned()
}

fn clip(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).take(MAX).collect();
    clean.trim().to_owned()
}

/// Whether the connection is of no use after it.
pub(super) fn is_broken(error: &RedisError) -> bool {
    match error.kind() {
        // A replica stays one for as long as the connection goes to it.
        ErrorKind::Io
        | ErrorKind::Parse
        | ErrorKind::AuthenticationFailed
        | ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => true,
        _ => error.is_connection_dropped() || error.is_unrecoverable_error() || error.code() == Some("NOAUTH"),
    }
}
