//! Looking at what Redis really has: keys of this host for the census, keys of dead hosts to remove.

use std::{collections::BTreeSet, time::Duration};

use ebb_core::{
    cursors::CursorFreed,
    ids::{InstanceId, SessionId},
};
use tokio::time::timeout;

use super::{
    debts::BATCH,
    keys::{INSTANCES, Keys},
    link::{Link, Trouble},
};

/// Keys that Redis looks at in one round trip.
const STEP: u32 = 1_000;
/// Round trips; a larger Redis is looked at in part, for other data is none of ours.
const MAX_STEPS: u32 = 500;
/// How long one round trip may take.
const ROUND_TRIP: Duration = Duration::from_secs(3);
/// Dead instances removed at a time.
const MAX_INSTANCES: usize = 100;

/// The sessions that Redis has keys of.
pub(super) async fn owners(link: &Link, keys: &Keys, deadline: Duration) -> Result<Vec<SessionId>, Trouble> {
    let scan = async {
        let mut owners = BTreeSet::new();
        let mut cursor = "0".to_owned();
        for _ in 0..MAX_STEPS {
            let mut pipe = redis::pipe();
            pipe.cmd("SCAN").arg(&cursor).arg("MATCH").arg(keys.pattern()).arg("COUNT").arg(STEP);
            let ((next, found),): ((String, Vec<String>),) = link.run(ROUND_TRIP, &pipe).await?;
            owners.extend(found.iter().filter_map(|key| keys.owner(key)));
            cursor = next;
            if cursor == "0" {
                break;
            }
        }
        Ok(owners.into_iter().collect())
    };
    timeout(deadline, scan).await.unwrap_or_else(|_| Err(too_long(deadline)))
}

/// Removes the keys of instances that gave no sign of life for too long.
pub(super) async fn dead_instances(link: &Link, own: &Keys, deadline: Duration) -> Result<(), Trouble> {
    let mut pipe = redis::pipe();
    pipe.cmd("SMEMBERS").arg(INSTANCES);
    let (names,): (Vec<String>,) = link.run(ROUND_TRIP, &pipe).await?;
    let others: Vec<InstanceId> = names.iter().filter_map(|name| InstanceId::parse(name)).collect();
    for instance in others.into_iter().filter(|instance| instance != own.instance()).take(MAX_INSTANCES) {
        let keys = Keys::new(instance, own.ttl());
        let mut pipe = redis::pipe();
        pipe.cmd("EXISTS").arg(keys.lease());
        let (alive,): (bool,) = link.run(ROUND_TRIP, &pipe).await?;
        if !alive {
            let freed = purge(link, &keys, deadline).await?;
            tracing::info!(instance = %keys.instance(), cursors = freed.count, "removed the keys of a dead host");
        }
    }
    Ok(())
}

/// Removes every key of an instance. The bytes freed are Redis' and not counted.
pub(super) async fn purge(link: &Link, keys: &Keys, deadline: Duration) -> Result<CursorFreed, Trouble> {
    let work = async {
        let mut freed = CursorFreed::default();
        let mut pipe = redis::pipe();
        pipe.cmd("SMEMBERS").arg(keys.index());
        let (sessions,): (Vec<String>,) = link.run(ROUND_TRIP, &pipe).await?;
        for session in sessions.iter().filter_map(|session| SessionId::parse(session)) {
            let mut pipe = redis::pipe();
            pipe.cmd("SMEMBERS").arg(keys.set(&session));
            let (numbers,): (Vec<u64>,) = link.run(ROUND_TRIP, &pipe).await?;
            for numbers in numbers.chunks(BATCH) {
                let mut pipe = redis::pipe();
                let unlink = pipe.cmd("UNLINK");
                for number in numbers {
                    unlink.arg(keys.payload(&session, *number));
                }
                let (count,): (u32,) = link.run(ROUND_TRIP, &pipe).await?;
                freed.count += count;
            }
            let mut pipe = redis::pipe();
            pipe.cmd("UNLINK").arg(keys.set(&session)).ignore();
            pipe.cmd("SREM").arg(keys.index()).arg(session.as_str()).ignore();
            link.run::<()>(ROUND_TRIP, &pipe).await?;
        }
        let mut pipe = redis::pipe();
        pipe.cmd("UNLINK").arg(keys.index()).arg(keys.lease()).ignore();
        pipe.cmd("SREM").arg(INSTANCES).arg(keys.instance().as_str()).ignore();
        link.run::<()>(ROUND_TRIP, &pipe).await?;
        Ok(freed)
    };
    timeout(deadline, work).await.unwrap_or_else(|_| Err(too_long(deadline)))
}

fn too_long(deadline: Duration) -> Trouble {
    Trouble { why: format!("looking through Redis takes longer than {} s", deadline.as_secs()) }
}
