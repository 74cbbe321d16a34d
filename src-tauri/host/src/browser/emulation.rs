//! Networks, processors, places and devices that are not this machine's: what a session asked for, as commands
//! for its pages.

use std::collections::BTreeMap;

use ebb_core::{Code, Error, Result};
use serde_json::{Value, json};

use super::overrides::PageCommand;

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
    /// CSS pixels.
    pub(crate) width: u32,
    /// CSS pixels.
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
    /// What pages are told where they were told `before`. `agent` is the browser's own user agent.
    pub(crate) fn commands(&self, before: &Self, agent: &str) -> Vec<PageCommand> {
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
            let mut agent = json!({"userAgent": self.user_agent.as_deref().unwrap_or(agent)});
            if let Some(locale) = &self.locale {
                agent["acceptLanguage"] = json!(locale);
            }
            commands.push(("Emulation.setUserAgentOverride", agent));
        }
        if self.locale != before.locale {
            let locale = self.locale.as_ref().map_or_else(|| json!({}), |locale| json!({"locale": locale}));
            commands.push(("Emulation.setLocaleOverride", locale));
        }
        if self.timezone != before.timezone {
            let zone = self.timezone.as_deref().unwrap_or_default();
            commands.push(("Emulation.setTimezoneOverride", json!({"timezoneId": zone})));
        }
        if self.screen != before.screen {
            commands.extend(screen(self.screen));
        }
        if self.headers != before.headers {
            commands.push(("Network.setExtraHTTPHeaders", json!({"headers": self.headers})));
        }
        commands
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

    /// What is emulated, a line a thing.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = |name: &str, value: Option<String>| lines.extend(value.map(|value| format!("{name}: {value}")));
        let network = self.conditions.map(|conditions| conditions.name.to_owned());
        line("Network", if self.offline { Some("Offline".to_owned()) } else { network });
        line("CPU", self.cpu.map(|rate| format!("{rate} times slower")));
        line("Geolocation", self.geolocation.map(|(latitude, longitude, _)| format!("{latitude},{longitude}")));
        line("User agent", self.user_agent.clone());
        line("Viewport", self.screen.map(Screen::shown));
        // Their values may be keys.
        let names: Vec<&str> = self.headers.keys().map(String::as_str).collect();
        line("Extra headers", (!names.is_empty()).then(|| names.join(", ")));
        line("Locale", self.locale.clone());
        line("Time zone", self.timezone.clone());
        lines
    }
}

fn screen(screen: Option<Screen>) -> [PageCommand; 2] {
    let Some(screen) = screen else {
        return [
            ("Emulation.clearDeviceMetricsOverride", json!({})),
            ("Emulation.setTouchEmulationEnabled", json!({"enabled": false})),
        ];
    };
    let lies = screen.landscape || (!screen.mobile && screen.width >= screen.height);
    let (kind, angle) =
        if lies { ("landscapePrimary", if screen.mobile { 90 } else { 0 }) } else { ("portraitPrimary", 0) };
    let metrics = json!({
        "width": screen.width,
        "height": screen.height,
        "screenWidth": screen.width,
        "screenHeight": screen.height,
        "deviceScaleFactor": screen.scale,
        "mobile": screen.mobile,
        "screenOrientation": {"type": kind, "angle": angle},
    });
    let touch: Value =
        if screen.touch { json!({"enabled": true, "maxTouchPoints": 5}) } else { json!({"enabled": false}) };
    [("Emulation.setDeviceMetricsOverride", metrics), ("Emulation.setTouchEmulationEnabled", touch)]
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(nothing.commands(&nothing, agent).is_empty());
        let slow = Emulation { conditions: Conditions::named("Slow 3G"), ..Emulation::default() };
        let [(method, params)] = &slow.commands(&nothing, agent)[..] else { panic!("one command") };
        assert_eq!(*method, "Network.emulateNetworkConditions");
        assert_eq!(params["downloadThroughput"], 50_000.0);
        let [(_, params)] = &nothing.commands(&slow, agent)[..] else { panic!("one command") };
        assert_eq!((&params["downloadThroughput"], &params["offline"]), (&json!(-1.0), &json!(false)));
        let german = Emulation { locale: Some("de-DE".to_owned()), ..Emulation::default() };
        let commands = german.commands(&nothing, agent);
        assert_eq!(commands[0].1, json!({"userAgent": "Agent", "acceptLanguage": "de-DE"}));
        assert_eq!(commands[1], ("Emulation.setLocaleOverride", json!({"locale": "de-DE"})));
        assert_eq!(nothing.commands(&german, agent)[0].1, json!({"userAgent": "Agent"}));
    }
}
