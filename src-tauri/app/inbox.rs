//! Words for the window process: show yourself, end yourself. They come over a socket of its own, so
//! that a host that was started again can still raise the window that its dead predecessor opened.

use std::{
    io::{self, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream as StdStream},
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::{UnixListener, UnixStream},
};

/// How long a word may take to be written or read.
const WORD: Duration = Duration::from_millis(500);
const LONGEST: u64 = 1_024;

/// One line of JSON.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// Comes to the front, and goes to a route.
    Show(Option<String>),
    /// The host was quit: its window goes with it.
    Quit,
}

/// Says it to the window process; an error means that none is there.
pub(crate) fn tell(socket: &Path, word: &Word) -> io::Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    let mut stream = StdStream::connect(socket)?;
    stream.set_write_timeout(Some(WORD))?;
    stream.write_all(&line)
}

/// Listens, from before there is a window: words wait until it is ready. Whoever holds the window's
/// lock may call it; a socket that is there already is of a dead process.
pub(crate) fn bind(socket: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// The next word that is one.
pub(crate) async fn next(listener: &UnixListener) -> io::Result<Word> {
    loop {
        let (stream, _) = listener.accept().await?;
        if let Ok(Some(word)) = tokio::time::timeout(WORD, read(stream)).await {
            return Ok(word);
        }
        tracing::debug!("a caller said nothing that the window understands");
    }
}

async fn read(stream: UnixStream) -> Option<Word> {
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut line).await.ok()?;
    serde_json::from_str(&line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn words_wait_for_the_window_and_noise_is_passed_over() {
        let folder = std::env::temp_dir().join(format!("ebb-inbox-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("window.sock");
        assert!(tell(&socket, &Word::Quit).is_err(), "nobody is there");
        std::fs::write(&socket, "left by a crash").unwrap();
        let listener = bind(&socket).unwrap();
        StdStream::connect(&socket).unwrap().write_all(b"dance\n").unwrap();
        drop(StdStream::connect(&socket).unwrap());
        tell(&socket, &Word::Show(Some("#/history".to_owned()))).unwrap();
        tell(&socket, &Word::Quit).unwrap();
        assert_eq!(next(&listener).await.unwrap(), Word::Show(Some("#/history".to_owned())));
        assert_eq!(next(&listener).await.unwrap(), Word::Quit);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
