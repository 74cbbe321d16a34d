//! Every rule of sessions, and random interleavings of all of them. Time is tokio's, paused.

/// Calls of one session: turns, places, and what their ends mean.
mod calls;
mod census;
/// Who is here: connecting, introducing, and each way of leaving.
mod clients;
/// The one door: single flight, faults in each step, reports.
mod door;
mod faults;
/// What could not be freed.
mod leftovers;
/// Limits, under concurrency too.
mod limits;
mod logging;
/// Random interleavings that hold the invariants.
mod machine;
/// Opening, names, handles, default sessions and what is told of their ends.
mod opening;
/// A sea to test in: manager, fakes and short words.
mod support;
/// Idle timeouts, sleep, and the sweeper's own sleep.
mod sweeping;
/// Lists, details and finding.
mod views;
mod waiting;
/// What the machine acts on, and the invariants it checks.
mod world;
