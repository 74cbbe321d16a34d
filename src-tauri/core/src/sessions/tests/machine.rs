//! A random order of everything that can happen, at any moment of a removal. What must hold after
//! each step is in [`World::check`]; what must be true in the end in [`World::end`].

use proptest::{prelude::*, strategy::Union};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::world::World;
use crate::{
    ports::fake::Script,
    sessions::{Keep, OpenOptions, Signal},
};

/// One thing that happens. Numbers choose among what is there, modulo how many there are.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A client of that process, in one of two places: who comes again is recognised by the place.
    Connect {
        pid: u32,
        place: u8,
    },
    Default {
        client: usize,
    },
    /// Somebody wants a session to be kept.
    Keep {
        session: usize,
    },
    Open {
        client: usize,
        options: OpenOptions,
    },
    /// A client presents a handle, its own or another's.
    Present {
        client: usize,
        session: usize,
    },
    BeginCall {
        session: usize,
    },
    /// Whoever calls or waits goes away.
    GiveUp {
        call: usize,
    },
    EndCall {
        call: usize,
    },
    Cursor {
        session: usize,
    },
    Context {
        session: usize,
        tabs: u32,
    },
    Log {
        session: usize,
    },
    Tell {
        client: usize,
        signal: Signal,
    },
    /// Asked twice; `wait` is whether anybody stays for the answer.
    End {
        session: usize,
        wait: bool,
    },
    Fault {
        session: usize,
        port: Port,
        script: Script,
    },
    /// Time passes and everything runs.
    Sleep {
        ms: u64,
    },
    /// The machine sleeps: time passes and nothing runs.
    Gap {
        s: u64,
    },
    /// A few turns of the scheduler, so that the next step falls into the middle of things.
    Run {
        turns: u8,
    },
    Accept {
        accepting: bool,
    },
    Retry,
    Shutdown,
}

/// Where a fault sits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Port {
    Capture,
    Cursors,
    Dispose,
}

/// Enough of a model to choose steps that mean something.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// Whether sessions wait for clients that left.
    pub(super) grace: bool,
    clients: usize,
    sessions: usize,
    calls: usize,
}

pub(super) struct Reference;

fn scripts() -> impl Strategy<Value = Script> {
    prop_oneof![
        Just(Script::Ok),
        (1_u64..4_000).prop_map(|ms| Script::Slow(std::time::Duration::from_millis(ms))),
        Just(Script::Fail),
        Just(Script::Hang),
        Just(Script::Panic),
    ]
}

fn connect() -> impl Strategy<Value = Step> {
    (0_u32..4, 0_u8..2).prop_map(|(pid, place)| Step::Connect { pid, place })
}

fn signals() -> impl Strategy<Value = Signal> {
    prop_oneof![
        any::<bool>().prop_map(|killed| Signal::HungUp { killed }),
        any::<bool>().prop_map(|killed| Signal::ProcessExited { killed }),
        Just(Signal::HalfClosed),
        Just(Signal::HalfClosed),
        Just(Signal::Drained),
    ]
}

fn options() -> impl Strategy<Value = OpenOptions> {
    let name = prop_oneof![Just(None), Just(Some("shop".to_owned())), Just(Some("mail".to_owned()))];
    let keep = prop_oneof![3 => Just(Keep::Client), 1 => Just(Keep::Ttl)];
    (name, keep, any::<bool>()).prop_map(|(name, keep, share)| OpenOptions { name, keep, share })
}

impl ReferenceStateMachine for Reference {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        any::<bool>().prop_map(|grace| Model { grace, ..Model::default() }).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Step> {
        if model.clients == 0 {
            return connect().boxed();
        }
        if model.sessions == 0 {
            return (0..model.clients).prop_map(|client| Step::Default { client }).boxed();
        }
        let n = || 0_usize..64;
        let ports = prop_oneof![Just(Port::Capture), Just(Port::Cursors), Just(Port::Dispose)];
        Union::new_weighted(vec![
            (6, connect().boxed()),
            (2, n().prop_map(|session| Step::Keep { session }).boxed()),
            (8, n().prop_map(|client| Step::Default { client }).boxed()),
            (6, (n(), options()).prop_map(|(client, options)| Step::Open { client, options }).boxed()),
            (3, (n(), n()).prop_map(|(client, session)| Step::Present { client, session }).boxed()),
            (8, n().prop_map(|session| Step::BeginCall { session }).boxed()),
            (2, n().prop_map(|call| Step::GiveUp { call }).boxed()),
            (6, n().prop_map(|call| Step::EndCall { call }).boxed()),
            (8, n().prop_map(|session| Step::Cursor { session }).boxed()),
            (8, (n(), 1_u32..4).prop_map(|(session, tabs)| Step::Context { session, tabs }).boxed()),
            (4, n().prop_map(|session| Step::Log { session }).boxed()),
            (6, (n(), signals()).prop_map(|(client, signal)| Step::Tell { client, signal }).boxed()),
            (6, (n(), any::<bool>()).prop_map(|(session, wait)| Step::End { session, wait }).boxed()),
            (
                4,
                (n(), ports, scripts())
                    .prop_map(|(session, port, script)| Step::Fault { session, port, script })
                    .boxed(),
            ),
            (8, (1_u64..2_000).prop_map(|ms| Step::Sleep { ms }).boxed()),
            (1, (30_000_u64..150_000).prop_map(|ms| Step::Sleep { ms }).boxed()),
            (1, (10_u64..1_000).prop_map(|s| Step::Gap { s }).boxed()),
            (8, (1_u8..12).prop_map(|turns| Step::Run { turns }).boxed()),
            (1, any::<bool>().prop_map(|accepting| Step::Accept { accepting }).boxed()),
            (1, Just(Step::Retry).boxed()),
            (1, prop_oneof![9 => Just(Step::Run { turns: 1 }), 1 => Just(Step::Shutdown)].boxed()),
        ])
        .boxed()
    }

    fn preconditions(model: &Model, step: &Step) -> bool {
        match step {
            Step::Default { .. } | Step::Open { .. } | Step::Tell { .. } => model.clients > 0,
            Step::Present { .. }
            | Step::Keep { .. }
            | Step::BeginCall { .. }
            | Step::Cursor { .. }
            | Step::Context { .. }
            | Step::Log { .. }
            | Step::End { .. }
            | Step::Fault { .. } => model.sessions > 0,
            Step::GiveUp { .. } | Step::EndCall { .. } => model.calls > 0,
            _ => true,
        }
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        match step {
            Step::Connect { .. } => model.clients += 1,
            Step::Default { .. } | Step::Open { .. } => model.sessions += 1,
            Step::BeginCall { .. } => model.calls += 1,
            _ => {}
        }
        model
    }
}

struct Machine;

impl StateMachineTest for Machine {
    type SystemUnderTest = World;
    type Reference = Reference;

    fn init_test(model: &Model) -> World {
        World::new(model.grace)
    }

    fn apply(mut world: World, _: &Model, step: Step) -> World {
        world.apply(step);
        world
    }

    fn check_invariants(world: &World, _: &Model) {
        world.check();
    }

    fn teardown(world: World) {
        world.end();
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_events_keeps_the_invariants(sequential 1..80 => Machine);
}
