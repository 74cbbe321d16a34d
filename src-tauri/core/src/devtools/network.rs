//! What a tab's pages asked the network for.

use std::collections::HashMap;

use regex::Regex;

use super::{
    console::clip,
    ring::{Ring, Weighed},
};

/// Bytes kept of a request's body.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// Characters kept of an address; longer ones are data, not addresses.
const MAX_URL: usize = 32_768;
/// Characters kept of a header's value, and of other short texts.
const MAX_TEXT: usize = 8_192;
/// Headers kept of a request or response.
const MAX_HEADERS: usize = 256;
/// Headers whose values nobody may read, not even in memory.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// A request as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestStart {
    /// The browser's id of it; a redirect keeps it.
    pub id: String,
    /// `GET`.
    pub method: String,
    /// Where to.
    pub url: String,
    /// `document`, `xhr`, `fetch`, `image`, ... in lower case.
    pub resource_type: String,
    /// Its headers. Values of secret ones are replaced before they are kept.
    pub headers: Vec<(String, String)>,
    /// Its body, where it is text; at most 4 MiB are kept.
    pub body: Option<String>,
    /// When it was sent, in milliseconds of any clock that the end uses too.
    pub at_ms: f64,
}

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// `200`.
    pub status: u16,
    /// `OK`; empty with HTTP/2.
    pub status_text: String,
    /// `text/html`.
    pub mime_type: String,
    /// Its headers. Values of secret ones are replaced before they are kept.
    pub headers: Vec<(String, String)>,
}

/// How a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// No answer yet.
    Pending,
    /// Answered.
    Answered {
        /// `200`.
        status: u16,
        /// `OK`; may be empty.
        status_text: String,
    },
    /// Failed, and why: `net::ERR_ABORTED`.
    Failed(String),
}

/// Everything kept of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestRecord {
    /// Its number since the navigation, from 1.
    pub number: u32,
    /// As it was sent.
    pub start: RequestStart,
    /// Whether its body was longer than what is kept.
    pub body_cut: bool,
    /// The head of the answer.
    pub response: Option<Response>,
    /// When it was over, on the clock of `start.at_ms`; none while it runs.
    pub ended_ms: Option<f64>,
    /// Why it failed.
    pub failed: Option<String>,
}

impl RequestRecord {
    /// How it stands. A failure after the head of an answer is a failure.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if let Some(error) = &self.failed {
            return Outcome::Failed(error.clone());
        }
        self.response.as_ref().map_or(Outcome::Pending, |response| Outcome::Answered {
            status: response.status,
            status_text: response.status_text.clone(),
        })
    }

    /// How long it took.
    #[must_use]
    pub fn duration_ms(&self) -> Option<f64> {
        self.ended_ms.map(|ended| (ended - self.start.at_ms).max(0.0))
    }

    /// What most pages load by the dozen and nobody asks for.
    fn is_static(&self) -> bool {
        let answered = self.failed.is_none() && self.response.as_ref().is_some_and(|response| response.status < 400);
        answered && !matches!(self.start.resource_type.as_str(), "fetch" | "xhr")
    }
}

impl Weighed for RequestRecord {
    fn heap_bytes(&self) -> usize {
        let start = &self.start;
        // The id is also the key of the index of running requests.
        let strings = 2 * start.id.len() + start.method.len() + start.url.len() + start.resource_type.len();
        let body = start.body.as_ref().map_or(0, String::len);
        let response = self.response.as_ref().map_or(0, |response| {
            response.status_text.len() + response.mime_type.len() + header_bytes(&response.headers)
        });
        strings + body + header_bytes(&start.headers) + response + self.failed.as_ref().map_or(0, String::len)
    }
}

fn header_bytes(headers: &[(String, String)]) -> usize {
    headers.iter().map(|(name, value)| size_of::<(String, String)>() + name.len() + value.len()).sum()
}

/// A request in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberedRequest {
    /// Its number since the navigation, from 1.
    pub number: u32,
    /// `GET`.
    pub method: String,
    /// Where to.
    pub url: String,
    /// `document`, `xhr`, `fetch`, `image`, ...
    pub resource_type: String,
    /// How it stands.
    pub outcome: Outcome,
    /// How long it took.
    pub duration_ms: Option<f64>,
}

/// Requests of a tab, as a tool lists them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestList {
    /// Those to show, oldest first.
    pub entries: Vec<NumberedRequest>,
    /// Those left out because they are static.
    pub hidden_static: usize,
    /// Those since the navigation that are no longer kept.
    pub lost: u64,
}

/// A tab's requests since its last navigation.
#[derive(Debug, Default)]
pub(super) struct Network {
    pub(super) ring: Ring<RequestRecord>,
    /// The numbers of running requests by the browser's ids.
    running: HashMap<String, u64>,
}

impl Network {
    /// Records a request; false when it is one that does not count.
    pub(super) fn started(&mut self, age: u64, start: RequestStart) -> bool {
        if start.url.ends_with("/favicon.ico") {
            return false;
        }
        let (start, body_cut) = trimmed(start);
        let id = start.id.clone();
        let record = RequestRecord {
            number: u32::try_from(self.ring.next_number()).unwrap_or(u32::MAX),
            start,
            body_cut,
            response: None,
            ended_ms: None,
            failed: None,
        };
        let number = self.ring.push(age, record);
        self.running.insert(id, number);
        true
    }

    /// The request went elsewhere: this answer ends it, and a new one goes on under its id.
    pub(super) fn redirected(&mut self, age: u64, id: &str, response: Response, next: RequestStart) -> bool {
        // Unknown: its beginning did not count, or belongs to a page that is gone.
        let Some(number) = self.running.remove(id) else {
            return false;
        };
        let at_ms = next.at_ms;
        self.ring.change(number, |record| {
            record.response = Some(trimmed_response(response));
            record.ended_ms = Some(at_ms);
        });
        self.started(age, next)
    }

    pub(super) fn response(&mut self, id: &str, response: Response) {
        if let Some(number) = self.running.get(id) {
            self.ring.change(*number, |record| {
                record.response = Some(trimmed_response(response));
            });
        }
    }

    pub(super) fn ended(&mut self, id: &str, at_ms: f64, error: Option<String>) {
        if let Some(number) = self.running.remove(id) {
            self.ring.change(number, |record| {
                record.ended_ms = Some(at_ms);
                record.failed = error.map(|mut error| {
                    clip(&mut error, MAX_TEXT);
                    error
                });
            });
        }
    }

    pub(super) fn pop(&mut self) {
        let number = self.ring.first_number();
        if let Some(record) = self.ring.pop()
            && self.running.get(&record.start.id) == Some(&number)
        {
            self.running.remove(&record.start.id);
        }
    }

    /// Forgets what came before the request `id`, or everything, and numbers from 1 on.
    pub(super) fn navigated(&mut self, id: Option<&str>) {
        let first =
            id.and_then(|id| self.ring.from(1).find(|(_, record)| record.start.id == id)).map(|(number, _)| number);
        let first = first.unwrap_or_else(|| self.ring.next_number());
        self.ring.restart(first);
        self.running.retain(|_, number| *number >= first);
        for number in self.running.values_mut() {
            *number -= first - 1;
        }
        for number in 1..self.ring.next_number() {
            self.ring.change(number, |record| {
                record.number = u32::try_from(number).unwrap_or(u32::MAX);
            });
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.running.len()
    }

    pub(super) fn list(&self, include_static: bool, filter: Option<&Regex>) -> RequestList {
        let mut list = RequestList { lost: self.ring.first_number() - 1, ..RequestList::default() };
        for (_, record) in self.ring.from(1) {
            if filter.is_some_and(|filter| !filter.is_match(&record.start.url)) {
                continue;
            }
            if !include_static && record.is_static() {
                list.hidden_static += 1;
                continue;
            }
            list.entries.push(NumberedRequest {
                number: record.number,
                method: record.start.method.clone(),
                url: record.start.url.clone(),
                resource_type: record.start.resource_type.clone(),
                outcome: record.outcome(),
                duration_ms: record.duration_ms(),
            });
        }
        list
    }
}

fn trimmed(mut start: RequestStart) -> (RequestStart, bool) {
    clip(&mut start.method, 64);
    clip(&mut start.url, MAX_URL);
    clip(&mut start.resource_type, 64);
    start.headers = trimmed_headers(start.headers);
    let mut cut = false;
    if let Some(body) = &mut start.body {
        if body.len() > MAX_BODY {
            body.truncate(body.floor_char_boundary(MAX_BODY));
            cut = true;
        }
        body.shrink_to_fit();
    }
    (start, cut)
}

fn trimmed_response(mut response: Response) -> Response {
    clip(&mut response.status_text, MAX_TEXT);
    clip(&mut response.mime_type, MAX_TEXT);
    response.headers = trimmed_headers(response.headers);
    response
}

fn trimmed_headers(mut headers: Vec<(String, String)>) -> Vec<(String, String)> {
    headers.truncate(MAX_HEADERS);
    headers.shrink_to_fit();
    for (name, value) in &mut headers {
        clip(name, MAX_TEXT);
        if SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
            *value = format!("<secret>{name}</secret>");
        }
        clip(value, MAX_TEXT);
    }
    headers
}
