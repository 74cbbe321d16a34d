//! Small pictures of tabs for the dashboard: only of those that somebody looks at, never written to disk.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chromiumoxide::cdp::browser_protocol::page::{
    CaptureScreenshotFormat, CaptureScreenshotParams, GetLayoutMetricsParams, Viewport,
};
use ebb_core::{Code, Error, Result, ids::SessionId};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::{Browsers, Tab};

/// CSS pixels across; half of it is enough on a plain screen.
const WIDTH: f64 = 640.0;
/// How high at most, as a part of how wide.
const MAX_RATIO: f64 = 0.75;
const QUALITY: i64 = 50;
/// A picture younger than this is given again.
const FRESH: Duration = Duration::from_secs(1);
/// Pictures taken at once.
const AT_ONCE: usize = 4;
/// How long the page may take; it may be busy with what its agent wants.
const DEADLINE: Duration = Duration::from_secs(2);
/// Pictures kept; the dashboard shows one session at a time.
const KEPT: usize = 64;

/// The last picture of each tab that was looked at.
pub(crate) struct Thumbs {
    browsers: Arc<Browsers>,
    taking: Semaphore,
    last: Mutex<HashMap<(SessionId, u32), (Instant, Bytes)>>,
}

impl Thumbs {
    pub(crate) fn new(browsers: Arc<Browsers>) -> Arc<Self> {
        Arc::new(Self { browsers, taking: Semaphore::new(AT_ONCE), last: Mutex::default() })
    }

    /// A JPEG of what the tab shows; not older than a second where the page answers, else the last one.
    ///
    /// # Errors
    /// No such tab; a page that crashed, that loads, or that does not answer in time, before its first picture.
    pub(crate) async fn of(&self, session: &SessionId, tab: u32) -> Result<Bytes> {
        let key = (session.clone(), tab);
        let found =
            self.browsers.find(session).and_then(|side| side.tabs().into_iter().find(|(one, _)| one.number == tab));
        let Some((tab, _)) = found else {
            self.last.lock().remove(&key);
            return Err(Error::new(Code::TargetUnknown, "there is no such tab").next("It may have been closed."));
        };
        let last = self.last.lock().get(&key).cloned();
        if let Some((at, picture)) = &last
            && at.elapsed() < FRESH
        {
            return Ok(picture.clone());
        }
        match self.take(&tab).await {
            Ok(picture) => {
                self.keep(key, &picture);
                Ok(picture)
            }
            // An old picture says more than none.
            Err(error) => last.map(|(_, picture)| picture).ok_or(error),
        }
    }

    fn keep(&self, key: (SessionId, u32), picture: &Bytes) {
        let mut last = self.last.lock();
        if last.len() >= KEPT {
            let oldest = last.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                last.remove(&oldest);
            }
        }
        last.insert(key, (Instant::now(), picture.clone()));
    }

    async fn take(&self, tab: &Arc<Tab>) -> Result<Bytes> {
        let busy = || Error::new(Code::Timeout, "the page does not answer in time").next("It is tried again.");
        let view = tab.view(false);
        if view.crashed || view.loading || tab.modal().is_some() {
            return Err(busy());
        }
        let taking = async {
            let _turn = self.taking.acquire().await.map_err(|_| busy())?;
            let metrics = tab.call_within(&GetLayoutMetricsParams::default(), DEADLINE).await?;
            let seen = &metrics.css_layout_viewport;
            let (width, height) = (seen.client_width as f64, seen.client_height as f64);
            if width < 1.0 || height < 1.0 {
                return Err(busy());
            }
            let clip = Viewport {
                x: seen.page_x as f64,
                y: seen.page_y as f64,
                width,
                height: height.min(width * MAX_RATIO),
                scale: (WIDTH / width).min(1.0),
            };
            let capture = CaptureScreenshotParams {
                format: Some(CaptureScreenshotFormat::Jpeg),
                quality: Some(QUALITY),
                optimize_for_speed: Some(true),
                clip: Some(clip),
                ..CaptureScreenshotParams::default()
            };
            let taken = tab.call_within(&capture, DEADLINE).await?;
            let data: &str = taken.data.as_ref();
            STANDARD.decode(data).map(Bytes::from).map_err(|_| busy())
        };
        tokio::time::timeout(DEADLINE, taking).await.map_err(|_| busy())?
    }
}
