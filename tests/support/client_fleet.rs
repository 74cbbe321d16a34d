//! Many connections of one process: `--fleet N`, with `--open URL` a page in each.
//!
//! All connect at once. Standard output says `{"fleet":{"here":N,"pages":N,"refused":["..."]}}` when each is
//! served or refused, then the process stays until its script ends.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    thread,
};

use serde_json::{Value, json};
use support::{Answer, call_message, hello_messages};

/// What became of one connection.
enum Fate {
    /// Served: the connection stays open for as long as this is here; whether its page is open.
    Here { _stream: UnixStream, page: bool },
    /// Why not.
    Refused(String),
}

/// Connects `count` times.
pub(crate) fn run(socket: &str, name: &str, count: usize, url: Option<&str>) {
    let fates: Vec<Fate> = thread::scope(|threads| {
        let all: Vec<_> = (0..count).map(|_| threads.spawn(|| one(socket, name, url))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let here = fates.iter().filter(|fate| matches!(fate, Fate::Here { .. })).count();
    let pages = fates.iter().filter(|fate| matches!(fate, Fate::Here { page: true, .. })).count();
    let refused: Vec<&str> =
        fates.iter().filter_map(|fate| if let Fate::Refused(why) = fate { Some(why.as_str()) } else { None }).collect();
    let mut out = std::io::stdout();
    writeln!(out, "{}", json!({"fleet": {"here": here, "pages": pages, "refused": refused}})).unwrap();
    out.flush().unwrap();
    let ended = std::io::stdin().lock().lines().map_while(Result::ok).last();
    drop((ended, fates));
}

fn one(socket: &str, name: &str, url: Option<&str>) -> Fate {
    let mut stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        Err(error) => return Fate::Refused(format!("cannot connect: {error}")),
    };
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let [initialize, initialized] = hello_messages(name);
    let mut said = format!("{initialize}\n{initialized}\n");
    if let Some(url) = url {
        let call = call_message(1, "browser_navigate", &json!({ "url": url }));
        said = format!("{said}{call}\n");
    }
    if let Err(error) = stream.write_all(said.as_bytes()) {
        return Fate::Refused(format!("cannot write: {error}"));
    }
    let mut answer = || {
        let line = lines.next().and_then(Result::ok).ok_or_else(|| "the connection ended".to_owned())?;
        let message: Value = serde_json::from_str(&line).map_err(|error| error.to_string())?;
        let answer = Answer::of(&message);
        if answer.is_error { Err(answer.text) } else { Ok(()) }
    };
    if let Err(why) = answer() {
        return Fate::Refused(why);
    }
    let page = url.is_some() && answer().is_ok();
    Fate::Here { _stream: stream, page }
}
