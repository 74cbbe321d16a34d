//! How the pages of a session are made: what each DevTools session of a tab is told before its document begins.

use chromiumoxide::cdp::browser_protocol::{
    emulation::{
        MediaFeature, SetDeviceMetricsOverrideParams, SetEmulatedMediaParams, SetGeolocationOverrideParams,
        SetLocaleOverrideParams, SetScriptExecutionDisabledParams, SetTimezoneOverrideParams,
        SetTouchEmulationEnabledParams, SetUserAgentOverrideParams,
    },
    network::{
        self, BlockPattern, Headers, SetBlockedUrLsParams, SetBypassServiceWorkerParams, SetExtraHttpHeadersParams,
    },
    page::{AddScriptToEvaluateOnNewDocumentParams, SetBypassCspParams},
    security::SetIgnoreCertificateErrorsParams,
};
use chromiumoxide::types::Command;

use super::pipe::Connection;
use crate::options::ContextOptions;

/// Touch points of a device with a touch screen.
const TOUCHES: i64 = 1;

/// Refuses service workers, as a page would be refused that may not have any.
const NO_SERVICE_WORKERS: &str = "if (globalThis.navigator?.serviceWorker) navigator.serviceWorker.register = async () => \
{ console.warn('Service Worker registration blocked by Ebb'); };";

/// Tells the DevTools session `session` of a page how its documents are made. `agent` is the browser's own name.
#[expect(deprecated, reason = "browsers that do not know its successor know this one")]
pub(crate) fn apply(connection: &Connection, session: &str, options: &ContextOptions, agent: &str) {
    let teller = Teller { connection, session };
    page(teller, options);
    let mut user_agent =
        SetUserAgentOverrideParams::new(options.user_agent.clone().unwrap_or_else(|| agent.to_owned()));
    user_agent.accept_language.clone_from(&options.locale);
    teller.tell(&user_agent);
    if let Some(locale) = &options.locale {
        // The protocol has `en_US`.
        teller.tell(&SetLocaleOverrideParams { locale: Some(locale.replace('-', "_")) });
    }
    if let Some(timezone) = &options.timezone_id {
        teller.tell(&SetTimezoneOverrideParams::new(timezone.clone()));
    }
    if options.bypass_csp {
        teller.tell(&SetBypassCspParams::new(true));
    }
    if options.no_java_script {
        teller.tell(&SetScriptExecutionDisabledParams::new(true));
    }
    if !options.extra_http_headers.is_empty() {
        let headers = serde_json::json!(options.extra_http_headers);
        teller.tell(&SetExtraHttpHeadersParams::new(Headers::new(headers)));
    }
    if options.offline {
        // No latency, and no limits beside.
        teller.tell(&network::EmulateNetworkConditionsParams::new(true, 0.0, -1.0, -1.0));
    }
    if !options.origins.is_empty() {
        let patterns = options.origins.patterns().into_iter().map(|(pattern, block)| BlockPattern::new(pattern, block));
        teller.tell(&SetBlockedUrLsParams::builder().url_patterns(patterns).build());
    }
    if options.ignore_https_errors {
        teller.tell(&SetIgnoreCertificateErrorsParams::new(true));
    }
    if options.block_service_workers {
        teller.tell(&SetBypassServiceWorkerParams::new(true));
    }
    let refusal = options.block_service_workers.then_some(NO_SERVICE_WORKERS);
    // Each as a script of its own, as if the page had it first of all.
    for source in refusal.into_iter().chain(options.init_scripts.iter().map(String::as_str)) {
        let mut script = AddScriptToEvaluateOnNewDocumentParams::new(source);
        script.run_immediately = Some(true);
        teller.tell(&script);
    }
    if let Some(scheme) = &options.color_scheme {
        let scheme = if scheme == "no-preference" { String::new() } else { scheme.clone() };
        let features = vec![MediaFeature::new("prefers-color-scheme", scheme)];
        teller.tell(&SetEmulatedMediaParams::builder().features(features).build());
    }
}

fn page(teller: Teller<'_>, options: &ContextOptions) {
    if let Some(metrics) = metrics(options) {
        teller.tell(&metrics);
    }
    if options.has_touch {
        let mut touch = SetTouchEmulationEnabledParams::new(true);
        touch.max_touch_points = Some(TOUCHES);
        teller.tell(&touch);
    }
    if let Some((latitude, longitude, accuracy)) = options.geolocation {
        let place = SetGeolocationOverrideParams::builder().latitude(latitude).longitude(longitude);
        teller.tell(&place.accuracy(accuracy).build());
    }
}

/// The screen, where anything was said about it.
fn metrics(options: &ContextOptions) -> Option<SetDeviceMetricsOverrideParams> {
    let plain = options.device_scale_factor.is_none() && !options.is_mobile;
    if options.viewport.is_none() && plain {
        return None;
    }
    // Zero is the protocol's word for "as it is".
    let (width, height) =
        options.viewport.map_or((0, 0), |viewport| (i64::from(viewport.width), i64::from(viewport.height)));
    let factor = options.device_scale_factor.unwrap_or(1.0);
    let mut metrics = SetDeviceMetricsOverrideParams::new(width, height, factor, options.is_mobile);
    if options.viewport.is_some() {
        (metrics.screen_width, metrics.screen_height) = (Some(width), Some(height));
    }
    Some(metrics)
}

#[derive(Clone, Copy)]
struct Teller<'a> {
    connection: &'a Connection,
    session: &'a str,
}

impl Teller<'_> {
    fn tell<C: Command>(self, command: &C) {
        self.connection.post(Some(self.session), command);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Viewport;

    #[test]
    fn the_screen_is_told_only_where_something_was_said() {
        assert!(metrics(&ContextOptions::default()).is_none());
        let viewport = Some(Viewport { width: 393, height: 659 });
        let phone = ContextOptions { viewport, is_mobile: true, device_scale_factor: Some(3.0), ..Default::default() };
        let told = metrics(&phone).unwrap();
        assert_eq!((told.width, told.height, told.mobile, told.screen_width), (393, 659, true, Some(393)));
        let sharp = ContextOptions { device_scale_factor: Some(2.0), ..ContextOptions::default() };
        assert_eq!(metrics(&sharp).map(|told| (told.width, told.screen_width)), Some((0, None)));
    }
}
