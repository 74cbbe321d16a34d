//! Networks, processors, places and devices that are not this machine's: what a session asked for, as commands
//! for its pages.

use std::collections::BTreeMap;

use ebb_core::{Code, Error, Result};
use serde_json::{Value, json};

use super::overrides::PageCommand;
use crate::options::ContextOptions;

/// A network by name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Conditions {
    /// As tools name it.
    pub(crate) name: &'static str,
    /// Bytes a second towards the page, -1 for no limit.
    down: f64,
    /// Bytes a second from the page.
    up: f64,
    /// Milliseconds.
    latency: f64,
}

/// The networks there are; thousands of bytes a second and milliseconds from the design.
pub(crate) const NETWORKS: [Conditions; 5] = [
    Conditions { name: "Offline", down: 0.0, up: 0.0, latency: 0.0 },
    Conditions { name: "Slow 3G", down: 50_000.0, up: 50_000.0, latency: 2_000.0 },
    Conditions { name: "Fast 3G", down: 180_000.0, up: 84_000.0, latency: 563.0 },
    Conditions { name: "Slow 4G", down: 180_000.0, up: 84_000.0, latency: 563.0 },
    Conditions { name: "Fast 4G", down: 1_012_000.0, up: 169_000.0, latency: 165.0 },
];

impl Conditions {
    /// The network of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        NETWORKS.into_iter().find(|network| network.name == name)
    }

    fn is_offline(self) -> bool {
        self.name == "Offline"
    }
}

/// A screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Screen {
    /// CSS pixels; 0 where only the rest is another's.
    pub(crate) width: u32,
    /// CSS pixels; 0 as well.
    pub(crate) height: u32,
    /// Device pixels per CSS pixel.
    pub(crate) scale: f64,
    /// Whether pages see a mobile device.
    pub(crate) mobile: bool,
    /// Whether it can be touched.
    pub(crate) touch: bool,
    /// Whether it lies on its side.
    pub(crate) landscape: bool,
}

impl Screen {
    /// From `412x915x2.6,mobile,touch`.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for anything else.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(Code::InvalidArguments, format!("\"{text}\" is no viewport"))
                .next("Give WIDTHxHEIGHTxSCALE such as 412x915x2.6,mobile,touch or 1280x720x1.")
        };
        let mut parts = text.split(',').map(str::trim);
        let mut numbers = parts.next().unwrap_or_default().split('x');
        let side = |text: Option<&str>| {
            text.and_then(|text| text.trim().parse().ok()).filter(|side| (1..=10_000).contains(side)).ok_or_else(wrong)
        };
        let (width, height) = (side(numbers.next())?, side(numbers.next())?);
        let scale = numbers.next().map_or(Ok(1.0), |text| text.trim().parse::<f64>().map_err(|_| wrong()))?;
        let mut screen = Self { width, height, scale, mobile: false, touch: false, landscape: false };
        for word in parts {
            match word {
                "mobile" => screen.mobile = true,
                "touch" => screen.touch = true,
                "landscape" => screen.landscape = true,
                _ => return Err(wrong()),
            }
        }
        if numbers.next().is_some() || !(0.1..=10.0).contains(&screen.scale) {
            return Err(wrong());
        }
        Ok(screen)
    }

    /// What was said about the screen, if anything was.
    fn of(options: &ContextOptions) -> Option<Self> {
        let plain = options.device_scale_factor.is_none() && !options.is_mobile && !options.has_touch;
        if options.viewport.is_none() && plain {
            return None;
        }
        let (width, height) = options.viewport.map_or((0, 0), |viewport| (viewport.width, viewport.height));
        let scale = options.device_scale_factor.unwrap_or(1.0);
        Some(Self { width, height, scale, mobile: options.is_mobile, touch: options.has_touch, landscape: false })
    }

    /// Whether its size and density are the browser's own.
    fn is_plain(self) -> bool {
        self.width == 0 && !self.mobile && (self.scale - 1.0).abs() < f64::EPSILON
    }

    fn shown(self) -> String {
        let mut text = format!("{}x{}x{}", self.width, self.height, self.scale);
        for (word, on) in [(",mobile", self.mobile), (",touch", self.touch), (",landscape", self.landscape)] {
            if on {
                text.push_str(word);
            }
        }
        text
    }
}

/// What one session emulates; nothing where a field is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Emulation {
    /// No network at all, whatever `conditions` say.
    pub(crate) offline: bool,
    /// Another network.
    pub(crate) conditions: Option<Conditions>,
    /// How many times slower the processor is.
    pub(crate) cpu: Option<f64>,
    /// Latitude, longitude, accuracy in metres.
    pub(crate) geolocation: Option<(f64, f64, f64)>,
    /// What `navigator.userAgent` says.
    pub(crate) user_agent: Option<String>,
    /// Another screen.
    pub(crate) screen: Option<Screen>,
    /// Headers of every request.
    pub(crate) headers: BTreeMap<String, String>,
    /// `de-DE`.
    pub(crate) locale: Option<String>,
    /// `Europe/Berlin`.
    pub(crate) timezone: Option<String>,
}

impl Emulation {
    /// How pages are from their beginning.
    pub(crate) fn of(options: &ContextOptions) -> Self {
        Self {
            offline: options.offline,
            geolocation: options.geolocation,
            user_agent: options.user_agent.clone(),
            screen: Screen::of(options),
            headers: options.extra_http_headers.clone(),
            locale: options.locale.clone(),
            timezone: options.timezone_id.clone(),
            ..Self::default()
        }
    }

    /// What a new page is told, which was told nothing. `agent` is the browser's own user agent.
    pub(crate) fn whole(&self, agent: &str) -> Vec<PageCommand> {
        let mut commands = self.changes(&Self::default(), agent);
        if (&self.user_agent, &self.locale) == (&None, &None) {
            // The browser's own name may be one that it does not use by itself.
            commands.push(self.agent(agent));
        }
        commands
    }

    /// What pages are told that were told `before`.
    pub(crate) fn changes(&self, before: &Self, agent: &str) -> Vec<PageCommand> {
        let mut commands = Vec::new();
        if (self.offline, self.conditions) != (before.offline, before.conditions) {
            commands.push(self.network());
        }
        if self.cpu != before.cpu {
            commands.push(("Emulation.setCPUThrottlingRate", json!({"rate": self.cpu.unwrap_or(1.0)})));
        }
        if self.geolocation != before.geolocation {
            commands.push(match self.geolocation {
                Some((latitude, longitude, accuracy)) => (
                    "Emulation.setGeolocationOverride",
                    json!({"latitude": latitude, "longitude": longitude, "accuracy": accuracy}),
                ),
                None => ("Emulation.clearGeolocationOverride", json!({})),
            });
        }
        if (&self.user_agent, &self.locale) != (&before.user_agent, &before.locale) {
            commands.push(self.agent(agent));
        }
        if self.locale != before.locale {
            // The protocol has `en_US`.
            let locale = self.locale.as_ref().map(|locale| json!({"locale": locale.replace('-', "_")}));
            commands.push(("Emulation.setLocaleOverride", locale.unwrap_or_else(|| json!({}))));
        }
        if self.timezone != before.timezone {
            let zone = self.timezone.as_deref().unwrap_or_default();
            commands.push(("Emulation.setTimezoneOverride", json!({"timezoneId": zone})));
        }
        if self.screen != before.screen {
            commands.extend(screen(self.screen, before.screen));
        }
        if self.headers != before.headers {
            commands.push(("Network.setExtraHTTPHeaders", json!({"headers": self.headers})));
        }
        commands
    }

    fn agent(&self, agent: &str) -> PageCommand {
        let mut params = json!({"userAgent": self.user_agent.as_deref().unwrap_or(agent)});
        if let Some(locale) = &self.locale {
            params["acceptLanguage"] = json!(locale);
        }
        ("Emulation.setUserAgentOverride", params)
    }

    fn network(&self) -> PageCommand {
        let conditions = self.conditions;
        let offline = self.offline || conditions.is_some_and(Conditions::is_offline);
        let number = |value: fn(&Conditions) -> f64, none: f64| {
            conditions.as_ref().filter(|conditions| !conditions.is_offline()).map_or(none, value)
        };
        let params = json!({
            "offline": offline,
            "latency": number(|c| c.latency, 0.0),
            "downloadThroughput": number(|c| c.down, -1.0),
            "uploadThroughput": number(|c| c.up, -1.0),
        });
        ("Network.emulateNetworkConditions", params)
    }

    /// What is emulated beyond what the session began with, a line a thing.
    pub(crate) fn lines(&self, beginning: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = |name: &str, value: Option<String>, changed: bool| {
            lines.extend(value.filter(|_| changed).map(|value| format!("{name}: {value}")));
        };
        let network = match self.conditions {
            _ if self.offline => "Offline",
            Some(conditions) => conditions.name,
            None => "Online",
        };
        let changed = self.offline != beginning.offline || self.conditions.is_some();
        line("Network", Some(network.to_owned()), changed);
        line("CPU", self.cpu.map(|rate| format!("{rate} times slower")), true);
        let place = self.geolocation.map(|(latitude, longitude, _)| format!("{latitude},{longitude}"));
        line("Geolocation", place, self.geolocation != beginning.geolocation);
        line("User agent", self.user_agent.clone(), self.user_agent != beginning.user_agent);
        line("Viewport", self.screen.map(Screen::shown), self.screen != beginning.screen);
        // Their values may be keys.
        let names: Vec<&str> = self.headers.keys().map(String::as_str).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        line("Extra headers", Some(names), self.headers != beginning.headers);
        line("Locale", self.locale.clone(), self.locale != beginning.locale);
        line("Time zone", self.timezone.clone(), self.timezone != beginning.timezone);
        lines
    }
}

/// Points that can be touched at once.
const TOUCHES: u32 = 1;

fn screen(screen: Option<Screen>, before: Option<Screen>) -> Vec<PageCommand> {
    let mut commands = Vec::new();
    match screen.filter(|screen| !screen.is_plain()) {
        Some(screen) => commands.push(metrics(screen)),
        None if before.is_some_and(|before| !before.is_plain()) => {
            commands.push(("Emulation.clearDeviceMetricsOverride", json!({})));
        }
        None => {}
    }
    let touch = |screen: Option<Screen>| screen.is_some_and(|screen| screen.touch);
    if touch(screen) != touch(before) {
        let params: Value =
            if touch(screen) { json!({"enabled": true, "maxTouchPoints": TOUCHES}) } else { json!({"enabled": false}) };
        commands.push(("Emulation.setTouchEmulationEnabled", params));
    }
    commands
}

fn metrics(screen: Screen) -> PageCommand {
    let mut metrics = json!({
        "width": screen.width,
        "height": screen.height,
        "deviceScaleFactor": screen.scale,
        "mobile": screen.mobile,
    });
    if screen.width > 0 {
        let lies = screen.landscape || (!screen.mobile && screen.width >= screen.height);
        let (kind, angle) =
            if lies { ("landscapePrimary", if screen.mobile { 90 } else { 0 }) } else { ("portraitPrimary", 0) };
        metrics["screenWidth"] = json!(screen.width);
        metrics["screenHeight"] = json!(screen.height);
        metrics["screenOrientation"] = json!({"type": kind, "angle": angle});
    }
    ("Emulation.setDeviceMetricsOverride", metrics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Viewport;

    #[test]
    fn screens_are_read_and_shown() {
        let screen = Screen::parse("412x915x2.6,mobile,touch").unwrap();
        assert_eq!((screen.width, screen.height), (412, 915));
        assert!(screen.mobile && screen.touch && !screen.landscape);
        assert_eq!(screen.shown(), "412x915x2.6,mobile,touch");
        assert_eq!(Screen::parse("1280x720").unwrap().shown(), "1280x720x1");
        for wrong in ["", "412", "0x1x1", "1x1x0", "1x1x1x1", "1x1x1,fold", "-1x1", "99999x1", "axb"] {
            assert_eq!(Screen::parse(wrong).unwrap_err().code, Code::InvalidArguments, "{wrong}");
        }
    }

    #[test]
    fn only_what_changed_is_told() {
        let (nothing, agent) = (Emulation::default(), "Agent");
        assert!(nothing.changes(&nothing, agent).is_empty());
        let slow = Emulation { conditions: Conditions::named("Slow 3G"), ..Emulation::default() };
        let [(method, params)] = &slow.changes(&nothing, agent)[..] else { panic!("one command") };
        assert_eq!(*method, "Network.emulateNetworkConditions");
        assert_eq!(params["downloadThroughput"], 50_000.0);
        let [(_, params)] = &nothing.changes(&slow, agent)[..] else { panic!("one command") };
        assert_eq!((&params["downloadThroughput"], &params["offline"]), (&json!(-1.0), &json!(false)));
        let german = Emulation { locale: Some("de-DE".to_owned()), ..Emulation::default() };
        let commands = german.changes(&nothing, agent);
        assert_eq!(commands[0].1, json!({"userAgent": "Agent", "acceptLanguage": "de-DE"}));
        assert_eq!(commands[1], ("Emulation.setLocaleOverride", json!({"locale": "de_DE"})));
        assert_eq!(nothing.changes(&german, agent)[0].1, json!({"userAgent": "Agent"}));
    }

    #[test]
    fn a_new_page_is_told_who_it_is_even_where_nothing_was_asked_for() {
        let [(method, params)] = &Emulation::default().whole("Agent")[..] else { panic!("one command") };
        assert_eq!((*method, params), ("Emulation.setUserAgentOverride", &json!({"userAgent": "Agent"})));
        let own = Emulation { user_agent: Some("Own".to_owned()), ..Emulation::default() };
        assert_eq!(own.whole("Agent").len(), 1);
    }

    #[test]
    fn the_screen_is_told_only_where_something_was_said() {
        assert_eq!(Emulation::of(&ContextOptions::default()), Emulation::default());
        let viewport = Some(Viewport { width: 393, height: 659 });
        let phone = ContextOptions { viewport, is_mobile: true, device_scale_factor: Some(3.0), ..Default::default() };
        let [(_, told), _] = &Emulation::of(&phone).whole("Agent")[..] else { panic!("screen and agent") };
        assert_eq!((&told["width"], &told["mobile"], &told["screenWidth"]), (&json!(393), &json!(true), &json!(393)));
        assert_eq!(told["screenOrientation"]["type"], "portraitPrimary");
        let sharp = ContextOptions { device_scale_factor: Some(2.0), ..ContextOptions::default() };
        let sharp = Emulation::of(&sharp);
        let [(_, told), _] = &sharp.whole("Agent")[..] else { panic!("screen and agent") };
        assert_eq!((&told["width"], told.get("screenWidth")), (&json!(0), None));
        let touch = Emulation::of(&ContextOptions { has_touch: true, ..ContextOptions::default() });
        let [(method, _), _] = &touch.whole("Agent")[..] else { panic!("touch and agent") };
        assert_eq!(*method, "Emulation.setTouchEmulationEnabled");
        // Back to a beginning that had a screen of its own is that screen again.
        let other = Emulation { screen: Some(Screen::parse("800x600x1").unwrap()), ..Emulation::default() };
        let [(method, told)] = &sharp.changes(&other, "Agent")[..] else { panic!("one command") };
        assert_eq!((*method, &told["deviceScaleFactor"]), ("Emulation.setDeviceMetricsOverride", &json!(2.0)));
        assert_eq!(touch.changes(&other, "Agent")[0].0, "Emulation.clearDeviceMetricsOverride");
    }
}
