use std::{collections::HashSet, sync::Arc};

use super::support::{ENDED, SECOND, Sea, ms, settle};
use crate::{
    Code,
    cleanup::{Outcome, Reason, Rung, Step, StepOutcome},
    cursors::{CursorFreed, CursorStore},
    events::Event,
    ids::SessionId,
    ports::{
        BrowserPort, Disposed, Stray, TokioClock,
        fake::{FakeBrowser, FakeHistory, Method, Script},
    },
    sessions::{OpenOptions, Ports, SessionManager},
    settings::Settings,
};

#[tokio::test(start_paused = true)]
async fn a_removal_frees_everything_and_says_so() {
    let sea = Sea::new();
    let (client, session) = sea.full_session().await;
    let (cursors, devtools) = (sea.cursors.usage_now(None), session.devtools().view().bytes);
    assert!(cursors.bytes > 0 && devtools > 0);

    let report = sea.end(&session).await;

    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(report.reason, ENDED);
    assert_eq!(report.session, *session.id());
    assert_eq!(report.client.id, client);
    assert_eq!(report.steps.iter().map(|step| step.step).collect::<Vec<_>>(), Step::ALL);
    assert!(report.steps.iter().all(|step| step.outcome == StepOutcome::Done), "{:?}", report.steps);
    assert_eq!(report.strip(), "DevTools done, cursors done (1), browser done, state done");
    assert_eq!(report.rung, Some(Rung::Disposed));
    assert_eq!((report.freed.tabs, report.freed.cursors), (2, 1));
    assert_eq!((report.freed.cursor_bytes, report.freed.devtools_bytes), (cursors.bytes, devtools));
    assert_eq!(report.freed.held_before, cursors.bytes + devtools + 1_000_000);
    assert_eq!(report.freed.held_after, 0);
    sea.assert_empty();
    assert_eq!(sea.history.records().closed, [report]);
}

#[tokio::test(start_paused = true)]
async fn what_it_held_is_measured_when_it_closes_and_not_taken_from_an_old_sample() {
    let sea = Sea::new();
    let (_, session) = sea.full_session().await;
    let exact = sea.cursors.usage_now(None).bytes + session.devtools().view().bytes;
    sea.browser.grow(session.id(), 7_000_000);
    let report = sea.end(&session).await;
    assert_eq!((report.freed.held_before, report.freed.held_after), (exact + 7_000_000, 0));
}

#[tokio::test(start_paused = true)]
async fn a_measurement_that_hangs_or_panics_costs_the_removal_no_more_than_a_moment() {
    for script in [Script::Hang, Script::Panic] {
        let sea = Sea::new();
        let (_, session) = sea.full_session().await;
        let exact = sea.cursors.usage_now(None).bytes + session.devtools().view().bytes;
        sea.browser.grow(session.id(), 7_000_000);
        sea.browser.script_all(Method::Measure, script);
        let began = tokio::time::Instant::now();
        let report = sea.end(&session).await;
        assert_eq!(report.outcome, Outcome::Clean);
        assert!(began.elapsed().as_millis() < 100, "{:?}", began.elapsed());
        assert_eq!(report.freed.held_before, exact + 1_000_000, "the last sample");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_held_nothing_says_nothing() {
    let sea = Sea::new();
    let (_, session) = sea.session();
    let report = sea.end(&session).await;
    let outcomes: Vec<_> = report.steps.iter().map(|step| step.outcome).collect();
    assert_eq!(outcomes, [StepOutcome::Nothing, StepOutcome::Nothing, StepOutcome::Nothing, StepOutcome::Done]);
    assert_eq!((report.outcome, report.rung), (Outcome::Clean, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_that_ask_at_once_get_the_one_report() {
    let sea = Arc::new(Sea::new());
    let (_, session) = sea.full_session().await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (sea, session) = (Arc::clone(&sea), session.clone());
        asking.spawn(async move { sea.end(&session).await });
    }
    let reports = asking.join_all().await;
    assert_eq!(reports.len(), 50);
    assert!(reports.iter().all(|report| *report == reports[0]));
    assert_eq!(sea.browser.calls(session.id(), Method::Dispose), 1);
    assert_eq!(sea.history.records().closed.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_still_removes() {
    let sea = Sea::new();
    let (_, session) = sea.full_session().await;
    drop(sea.manager.remove_session(session.id(), ENDED));
    assert!(!session.is_live());
    settle().await;
    sea.assert_empty();
    assert!(sea.manager.report(session.id().as_str()).is_some());
}

#[test]
fn a_thread_without_a_runtime_can_end_a_session() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sea = runtime.block_on(async { Sea::new() });
    let (_, session) = {
        let _guard = runtime.enter();
        sea.session()
    };
    let coming = sea.manager.remove_session(session.id(), ENDED);
    let report = runtime.block_on(coming);
    assert_eq!(report.outcome, Outcome::Clean);
}

#[test]
fn a_runtime_that_stops_under_a_removal_still_frees_the_state() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (sea, session) = runtime.block_on(async {
        let sea = Sea::new();
        let (_, session) = sea.full_session().await;
        sea.browser.script(session.id(), Method::Dispose, Script::Hang);
        drop(sea.manager.remove_session(session.id(), ENDED));
        settle().await;
        (sea, session)
    });
    assert_eq!(sea.manager.busy(), 1);
    drop(runtime);
    assert_eq!(sea.manager.busy(), 0);
    let report = sea.manager.report(session.id().as_str()).unwrap();
    assert_eq!(report.outcome, Outcome::WithProblems);
    assert_eq!(report.outcome_of(Step::Cursors), StepOutcome::Done);
    assert_eq!(report.outcome_of(Step::Browser), StepOutcome::Failed);
    assert_eq!(report.leftovers.len(), 1);
}

#[test]
fn a_runtime_that_stops_before_the_first_step_still_drops_the_buffers() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (sea, session) = runtime.block_on(async {
        let sea = Sea::new();
        let (_, session) = sea.full_session().await;
        drop(sea.manager.remove_session(session.id(), ENDED));
        (sea, session)
    });
    drop(runtime);
    assert_eq!(session.devtools().view().bytes, 0);
    let report = sea.manager.report(session.id().as_str()).unwrap();
    assert_eq!(report.strip(), "DevTools skipped, cursors skipped, browser skipped, state done");
    assert_eq!((sea.manager.busy(), sea.manager.leftovers().len()), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn the_first_reason_stays() {
    let sea = Sea::new();
    let (_, session) = sea.session();
    let first = sea.manager.remove_session(session.id(), ENDED);
    let second = sea.manager.remove_session(session.id(), Reason::Shutdown);
    assert_eq!(first.await.reason, ENDED);
    assert_eq!(second.await.reason, ENDED);
}

#[tokio::test(start_paused = true)]
async fn asked_again_later_it_answers_with_the_old_report_and_for_strangers_with_not_found() {
    let sea = Sea::with(|settings| settings.cleanup.reports_kept = 1);
    let (client, first) = sea.session();
    let report = sea.end(&first).await;
    assert_eq!(sea.end(&first).await, report);
    assert_eq!(sea.manager.report(report.id.as_str()), Some(report.clone()));

    drop(sea.manager.default_session(&client));
    let second = sea.manager.default_session(&client).unwrap();
    let newer = sea.end(&second).await;
    assert_eq!(sea.manager.recent(10), [newer], "one report is kept");
    assert_eq!(sea.end(&first).await.outcome, Outcome::NotFound);
    assert_eq!(sea.manager.remove_session(&SessionId::new(), ENDED).await.outcome, Outcome::NotFound);
    assert_eq!(sea.history.records().closed.len(), 2);
}

/// Breaks one step; the others must be done all the same.
async fn broken(step: Step, script: Script) -> (Sea, crate::cleanup::CleanupReport) {
    let sea = Sea::new();
    let (_, session) = sea.full_session().await;
    match step {
        Step::Devtools => sea.browser.script(session.id(), Method::StopCapture, script),
        Step::Cursors => sea.cursors.script(session.id(), script),
        Step::Browser | Step::State => sea.browser.script(session.id(), Method::Dispose, script),
    }
    let report = sea.end(&session).await;
    assert_eq!(report.outcome, Outcome::WithProblems);
    assert_eq!(sea.manager.busy(), 0);
    for other in Step::ALL.into_iter().filter(|other| *other != step) {
        assert_eq!(report.outcome_of(other), StepOutcome::Done, "{other:?} beside a broken {step:?}");
    }
    assert_eq!(report.leftovers.len(), 1);
    assert_eq!(sea.manager.leftovers(), report.leftovers);
    (sea, report)
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_any_step_is_a_failed_step() {
    for step in [Step::Devtools, Step::Cursors, Step::Browser] {
        let (_, report) = broken(step, Script::Panic).await;
        assert_eq!(report.outcome_of(step), StepOutcome::Failed);
        let error = report.steps.iter().find_map(|report| report.error.clone()).unwrap();
        assert_eq!(error.code, Code::Internal);
        assert!(error.message.contains("panicked as told"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_in_any_step_is_a_failed_step() {
    for step in [Step::Devtools, Step::Cursors, Step::Browser] {
        let (sea, report) = broken(step, Script::Fail).await;
        assert_eq!(report.outcome_of(step), StepOutcome::Failed);
        if step == Step::Cursors {
            assert_eq!((report.freed.cursors, report.freed.cursor_bytes), (0, 0));
            assert_eq!(report.freed.held_after, sea.cursors.usage_now(None).bytes);
        }
        if step == Step::Browser {
            assert_eq!((report.freed.held_after, report.rung), (1_000_000, None));
        }
        // Buffers are ours to drop, whatever Chromium says.
        assert!(report.freed.devtools_bytes > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_past_its_deadline_is_left_behind() {
    for (step, deadline) in [(Step::Devtools, 300.0), (Step::Cursors, 700.0), (Step::Browser, 3_000.0)] {
        let (_, report) = broken(step, Script::Hang).await;
        assert_eq!(report.outcome_of(step), StepOutcome::TimedOut);
        let took = report.steps.iter().find(|report| report.step == step).unwrap().ms;
        assert!((deadline..deadline + 10.0).contains(&took), "{step:?} took {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_steps_hang_and_the_session_is_gone_all_the_same() {
    let sea = Sea::new();
    let (_, session) = sea.full_session().await;
    sea.browser.script_all(Method::StopCapture, Script::Hang);
    sea.browser.script_all(Method::Dispose, Script::Hang);
    sea.cursors.script(session.id(), Script::Hang);
    let report = sea.end(&session).await;
    assert_eq!(report.strip(), "DevTools timed out, cursors timed out, browser timed out, state done");
    assert!((4_000.0..4_050.0).contains(&report.ms), "{}", report.ms);
    assert_eq!(report.leftovers.len(), 3);
    assert_eq!(sea.history.records().leftovers.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_slow_step_within_its_deadline_is_done_and_measured() {
    let sea = Sea::new();
    let (_, session) = sea.full_session().await;
    sea.browser.script(session.id(), Method::Dispose, Script::Slow(ms(2_900)));
    let report = sea.end(&session).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert!((2_900.0..2_950.0).contains(&report.ms), "{}", report.ms);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_removal_delays_nobody_else() {
    let sea = Sea::new();
    let (client, stuck) = sea.session();
    sea.browser.script(stuck.id(), Method::Dispose, Script::Hang);
    let waiting = sea.manager.remove_session(stuck.id(), ENDED);
    let quick = sea.manager.open(&client, OpenOptions::default()).unwrap();
    let began = tokio::time::Instant::now();
    sea.end(&quick).await;
    assert!(began.elapsed() < ms(10));
    assert_eq!(waiting.await.outcome, Outcome::WithProblems);
}

#[tokio::test(start_paused = true)]
async fn removals_beyond_the_parallel_bound_wait_without_counting_it() {
    let sea = Sea::with(|settings| settings.cleanup.parallel = 2);
    sea.browser.script_all(Method::Dispose, Script::Slow(SECOND));
    let client = sea.client();
    let sessions: Vec<_> = (0..6).map(|_| sea.manager.open(&client, OpenOptions::default()).unwrap()).collect();
    let removals: Vec<_> = sessions.iter().map(|session| sea.manager.remove_session(session.id(), ENDED)).collect();
    let began = tokio::time::Instant::now();
    for removal in removals {
        let report = removal.await;
        assert!((1_000.0..1_050.0).contains(&report.ms), "{}", report.ms);
    }
    assert!((3 * SECOND..3 * SECOND + ms(100)).contains(&began.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn the_gate_closes_before_the_first_step() {
    let sea = Sea::new();
    let (_, session) = sea.full_session().await;
    let removal = sea.manager.remove_session(session.id(), ENDED);
    // Nothing of the removal has run yet.
    assert_eq!(sea.browser.calls(session.id(), Method::StopCapture), 0);
    assert!(session.closing().is_cancelled());
    assert_eq!(sea.cursor(&session).await.unwrap_err().code, Code::SessionEnded);
    removal.await;
    assert!(sea.browser.open_context(session.id(), 1, 1).is_err());
    Sea::log(&session);
    assert_eq!(session.devtools().view().bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_removal_in_order() {
    let sea = Sea::new();
    let (_, session) = sea.full_session().await;
    let mut events = sea.manager.subscribe();
    sea.end(&session).await;
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(match event {
            Event::SessionClosing(_) => "closing".to_owned(),
            Event::StepBegan(_, step) => format!("{}?", step.label()),
            Event::StepEnded(_, report) => format!("{} {}", report.step.label(), report.outcome.label()),
            Event::SessionRemoved(report) => format!("removed {:?}", report.outcome),
            other => format!("{other:?}"),
        });
    }
    assert_eq!(
        told,
        [
            "closing",
            "DevTools?",
            "DevTools done",
            "cursors?",
            "cursors done",
            "browser?",
            "browser done",
            "state?",
            "state done",
            "removed Clean"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_all_side_by_side_and_refuses_newcomers() {
    let sea = Sea::new();
    sea.browser.script_all(Method::Dispose, Script::Slow(SECOND));
    let client = sea.client();
    for _ in 0..10 {
        let session = sea.manager.open(&client, OpenOptions::default()).unwrap();
        sea.fill(&session).await;
    }
    let began = tokio::time::Instant::now();
    let reports = sea.manager.shutdown().await;
    assert!(began.elapsed() < 2 * SECOND);
    assert_eq!(reports.len(), 10);
    assert!(reports.iter().all(|report| report.reason == Reason::Shutdown && report.outcome == Outcome::Clean));
    sea.assert_empty();
    assert!(!sea.manager.is_accepting());
    for error in [
        sea.manager.open(&client, OpenOptions::default()).unwrap_err(),
        sea.manager.default_session(&client).unwrap_err(),
        sea.try_client(9).unwrap_err(),
    ] {
        assert_eq!(error.code, Code::ShuttingDown);
    }
    assert!(sea.manager.shutdown().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn shutdown_is_bounded_when_everything_hangs() {
    let sea = Sea::new();
    sea.browser.script_all(Method::StopCapture, Script::Hang);
    sea.browser.script_all(Method::Dispose, Script::Hang);
    let (_, session) = sea.full_session().await;
    sea.cursors.script(session.id(), Script::Hang);
    let began = tokio::time::Instant::now();
    let reports = sea.manager.shutdown().await;
    assert!(began.elapsed() < 5 * SECOND);
    assert_eq!(reports[0].outcome, Outcome::WithProblems);
    assert_eq!(sea.manager.busy(), 0);
}

/// A browser whose figures panic: not even that stops a removal, or its report.
struct Rude(FakeBrowser);

#[async_trait::async_trait]
impl BrowserPort for Rude {
    async fn stop_capture(&self, session: &SessionId) -> crate::Result<()> {
        self.0.stop_capture(session).await
    }
    async fn dispose(&self, session: &SessionId) -> crate::Result<Disposed> {
        self.0.dispose(session).await
    }
    async fn strays(&self, _: &HashSet<SessionId>) -> crate::Result<Vec<Stray>> {
        panic!("no census today")
    }

    async fn remove_stray(&self, _: &Stray) -> crate::Result<Disposed> {
        panic!("no census today")
    }

    fn tabs(&self, _: &SessionId) -> Vec<crate::view::TabView> {
        panic!("no tabs today")
    }
    fn held(&self, _: &SessionId) -> crate::view::HeldView {
        panic!("no figures today")
    }
    fn lost(&self, _: &SessionId) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_that_panics_outside_its_step_stops_no_removal() {
    let sea = Sea::new();
    let ports = Ports {
        clock: Arc::new(TokioClock::start()),
        browser: Arc::new(Rude(FakeBrowser::new())),
        cursors: sea.cursors.clone(),
        history: Arc::new(FakeHistory::new()),
    };
    let manager = SessionManager::new(Settings::default(), ports);
    let sea = Sea { manager, ..sea };
    let (_, session) = sea.session();
    let report = sea.end(&session).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(sea.cursors.usage_now(None), CursorFreed::default());
}
