//! What must hold, proved from outside: a real host, real clients, a real Chromium, real kills.
//!
//! Names begin with the number of the fault (F01 ...) where it has one. `EBB_TEST_TIMES=file`
//! collects the real times, `EBB_TEST_KEEP=1` keeps the folder of a test that failed.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// Where pages may be sent.
mod addresses;
/// Shapes of real applications, each driven from end to end by MCP calls alone.
mod apps;
/// Lines that are no message, and arguments that are none.
mod bad_input;
/// The dashboard's TypeScript types are those of Rust.
mod bindings;
/// Capability network: offline, and requests that the session answers itself.
mod caps_network;
/// What comes beside an answer: console files, session.md, secrets by name, pictures and code as the options say.
mod caps_output;
/// Reading pages as Markdown, and emulating other machines.
mod caps_reading;
/// Capability storage: cookies and what pages store, each session's its own.
mod caps_storage;
/// Capabilities testing, vision, config and devtools.
mod caps_testing;
/// What is there for nobody is found, shown and removed.
mod census;
/// The command line against a running host, and without one.
mod cli;
/// The official conformance suite.
mod conformance;
/// `ebb connect` where no host runs: it starts exactly one, from next to no environment.
mod connect;
/// Nothing that is made in a browser is lost sight of, however late it comes and whoever left meanwhile.
mod creation;
/// The dashboard over HTTP in a real Chromium: what its screens show while clients come, die and are ended.
mod dashboard;
/// The host or the browser dies, freezes or spins.
mod deaths;
/// What the dashboard changes of a user's own files, and what it sees of pages.
mod desk;
/// Every way a client can go: closed, half closed, killed while idle, while a page hangs, while its browser is born.
mod disconnects;
/// What pages download: where it lands, its names, its limits.
mod downloads;
/// A browser that somebody else runs: what is ours in it goes as everywhere, what is not is left alone.
mod endpoint;
/// A browser is killed while it starts, works or idles; a page or a helper of it dies, freezes, spins or eats memory.
mod faults;
/// Pages that ask and pour out.
mod floods;
/// Frames of other sites, each in a process of its own.
mod frames;
/// Any page at all, made by chance, has a snapshot that can be read and acted on.
mod generated;
/// Clients that come back.
mod grace;
/// The host is killed: guardian and start-up reaping.
mod guard;
/// The harness itself: it sees what it must see, or every other test here proves nothing.
mod harness;
/// Pages that want to hang, flood or exhaust: every call answers in its time and the session goes on.
mod hostile;
/// Pages that are built to hurt, by size, by what they bend or by never resting; somebody beside them.
mod hostile_pages;
/// The host dies, quits or changes under a living bridge.
mod hosts;
/// Clients over HTTP, in both eras of the protocol: how they go, how long they stay, what they are told.
mod http;
/// Capabilities that an address asks for.
mod http_caps;
/// What is refused at the HTTP port.
mod http_door;
/// Limits over HTTP: what is refused, in which words, with which way out.
mod http_limits;
/// Who owns what over HTTP: processes that share an id, handles, limits.
mod http_owners;
/// An `Mcp-Session-Id` lives through restarts of the host, and its client is told what it lost.
mod http_revival;
/// Streams over HTTP as signs of life; clients that read slowly or not at all.
mod http_streams;
/// Nobody calls, or at the last moment; sessions that outlive their client or have several.
mod idle;
/// `ebb mcp --port`: the official libraries as its clients, over both transports of HTTP, and its own ways.
mod mcp_http;
/// `ebb mcp`: how it comes, and that nothing of it stays, whatever ends it.
mod mcp_life;
/// What `ebb mcp` is told reaches the pages and the answers: each option against a real page.
mod mcp_options;
/// Where the pages of `ebb mcp` live: a profile on disk, contexts in memory, a browser that runs already.
mod mcp_profile;
/// What sessions hold: the figures against the processes, the last measurement, the budget.
mod memory;
/// How navigations end: by load, by a dialog, by another one.
mod navigations;
/// Two ends of one session at the same moment.
mod races;
/// Clients made with the official libraries.
mod sdk;
/// The official Inspector as a client.
mod sdk_inspector;
/// The two promises all others rest on: nothing of a gone client can be read, and nobody else loses anything.
mod seed;
/// Every way to name an element of a page.
mod selectors;
/// Wall clocks that jump and machines that sleep.
mod sleep;
/// Each page of `fixtures/snapshot` against its expected text, through a real call.
mod snapshots;
/// Random kills, freezes and restarts of everything, until nothing is left.
mod soak;
/// A browser that cannot be started: what is said, what is left, and that the next call finds what was repaired.
mod starts;
/// What holds on every cursor store: ids of strangers, the test of a store, and that memory comes back.
mod stores;
/// A Redis that refuses, freezes, forgets, dawdles or is full, and hosts that share one.
mod stores_redis;
/// Files that are locked, damaged, on a full or read-only disk, or gone.
mod stores_sqlite;
/// The suite of all cursor stores, for SQLite and for a real Redis.
mod stores_suite;
/// Limits, and many at once.
mod storms;
/// What an agent does on an ordinary day: look, page, click, type, answer dialogs, upload, open sessions.
mod story;
/// Who ended a session, and what its client is told.
mod story_ends;
/// Other users of this machine, pages that dress up, pages that attack Ebb itself.
mod strangers;
/// Streams that end by halves, or never begin.
mod streams;
/// Clients over HTTP that the tests speak for themselves.
mod web;
/// Sessions with a window: a second, full browser beside the headless one, and both go as they came.
mod windows;
/// Answers to the letter.
mod wire;
/// Wrappers, held pipes and frozen processes between a client and its session.
mod wrappers;
