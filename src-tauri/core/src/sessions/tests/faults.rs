//! F53: each step of a removal made to fail, hang and panic, alone and together with the others.

use super::support::{MINUTE, SECOND, Sea};
use crate::{
    cleanup::{LeftoverKind, Outcome, Step, StepOutcome},
    ports::fake::{Method, Script},
    settings::Settings,
};

const SCRIPTS: [Script; 4] = [Script::Ok, Script::Fail, Script::Hang, Script::Panic];

fn outcome(script: Script) -> StepOutcome {
    match script {
        Script::Fail | Script::Panic => StepOutcome::Failed,
        Script::Hang => StepOutcome::TimedOut,
        Script::Ok | Script::Slow(_) => StepOutcome::Done,
    }
}

/// All 64 combinations. The session is gone in time, the report names each step that failed, a bystander
/// keeps what it has, and once the ports work again the sweeper clears everything by itself.
#[tokio::test(start_paused = true)]
async fn f53_every_step_in_every_way_alone_and_together() {
    let cleanup = Settings::default().cleanup;
    let longest = cleanup.devtools + cleanup.cursors + cleanup.browser + SECOND;
    for capture in SCRIPTS {
        for cursors in SCRIPTS {
            for dispose in SCRIPTS {
                let what = format!("D {capture:?}, C {cursors:?}, B {dispose:?}");
                let sea = Sea::swept();
                let (_, bystander) = sea.full_session().await;
                let kept = sea.cursors_of(&bystander);
                let (_, session) = sea.full_session().await;
                sea.browser.script(session.id(), Method::StopCapture, capture);
                sea.cursors.script(session.id(), cursors);
                sea.browser.script(session.id(), Method::Dispose, dispose);

                let began = sea.manager.clock().now();
                let report = sea.end(&session).await;
                assert!(sea.since(began) < longest, "{what}: {:?}", sea.since(began));
                assert_eq!(sea.manager.busy(), 1, "{what}: only the bystander is left");
                let expected = [(Step::Devtools, capture), (Step::Cursors, cursors), (Step::Browser, dispose)];
                for (step, script) in expected {
                    assert_eq!(report.outcome_of(step), outcome(script), "{what}: {step:?}");
                    let error = report.steps.iter().find(|own| own.step == step).and_then(|own| own.error.as_ref());
                    assert_eq!(error.is_some(), script != Script::Ok, "{what}: {step:?} says why");
                }
                assert_eq!(report.outcome_of(Step::State), StepOutcome::Done, "{what}");
                let failed: Vec<_> =
                    expected.into_iter().filter(|(_, script)| *script != Script::Ok).map(|(step, _)| step).collect();
                let kinds: Vec<_> = report.leftovers.iter().map(|left| left.kind).collect();
                assert_eq!(kinds, failed.iter().map(|step| LeftoverKind::from(*step)).collect::<Vec<_>>(), "{what}");
                assert_eq!(report.outcome == Outcome::Clean, failed.is_empty(), "{what}");

                // Still broken: nothing is forgotten, and nothing is found twice.
                tokio::time::sleep(MINUTE).await;
                assert_eq!(sea.manager.leftovers().len(), failed.len(), "{what}: while it is broken");
                sea.browser.script(session.id(), Method::StopCapture, Script::Ok);
                sea.cursors.script(session.id(), Script::Ok);
                sea.browser.script(session.id(), Method::Dispose, Script::Ok);
                tokio::time::sleep(2 * MINUTE).await;
                assert!(sea.manager.leftovers().is_empty(), "{what}: once it works again");
                let report = sea.manager.report(session.id().as_str()).unwrap();
                assert_eq!(report.cleared_at.is_some(), !failed.is_empty(), "{what}");
                assert_eq!(sea.browser.contexts(), [bystander.id().clone()], "{what}");
                assert_eq!(sea.cursors_of(&bystander), kept, "{what}");
                assert!(bystander.is_live(), "{what}");
                assert_eq!(sea.history.records().closed.len(), 1, "{what}: one report");
            }
        }
    }
}

/// The same with every session at once: none waits for another.
#[tokio::test(start_paused = true)]
async fn f53_all_at_once() {
    let sea = Sea::swept();
    let client = sea.client();
    let mut sessions = Vec::new();
    for capture in SCRIPTS {
        for dispose in SCRIPTS {
            let session = sea.manager.open(&client, crate::sessions::OpenOptions::default()).unwrap();
            sea.fill(&session).await;
            sea.browser.script(session.id(), Method::StopCapture, capture);
            sea.cursors.script(session.id(), if capture == Script::Ok { Script::Hang } else { Script::Ok });
            sea.browser.script(session.id(), Method::Dispose, dispose);
            sessions.push(session);
        }
    }
    let began = sea.manager.clock().now();
    let removals: Vec<_> =
        sessions.iter().map(|session| sea.manager.remove_session(session.id(), super::support::ENDED)).collect();
    for removal in removals {
        removal.await;
    }
    assert!(sea.since(began) < 5 * SECOND, "{:?}", sea.since(began));
    assert_eq!(sea.manager.busy(), 0);
    for session in &sessions {
        sea.browser.script(session.id(), Method::StopCapture, Script::Ok);
        sea.cursors.script(session.id(), Script::Ok);
        sea.browser.script(session.id(), Method::Dispose, Script::Ok);
    }
    tokio::time::sleep(3 * MINUTE).await;
    sea.assert_empty();
}
