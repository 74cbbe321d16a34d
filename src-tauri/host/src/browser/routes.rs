//! Requests that a session answers or changes itself: its routes, and what each does.

use std::{collections::VecDeque, sync::Arc};

use ebb_core::{Code, Error, Result};
use parking_lot::Mutex;
use regex::{Regex, RegexBuilder};

/// Routes of one session.
const MAX_ROUTES: usize = 200;

/// Bytes of all bodies of one session's routes.
const MAX_BODIES: usize = 16 * 1024 * 1024;

/// Bytes of a pattern: addresses are not longer.
const MAX_PATTERN: usize = 16 * 1024;

/// A pattern's compiled size, in bytes: more is not a pattern but an attack.
const PATTERN_SIZE: usize = 1024 * 1024;

/// What happens to requests whose address fits a pattern.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// As it was given.
    pub(crate) pattern: String,
    glob: Glob,
    /// Answer with this status; 200 where there is only a body.
    pub(crate) status: Option<i64>,
    /// Answer with this body; empty where there is only a status.
    pub(crate) body: Option<String>,
    /// The answer's type.
    pub(crate) content_type: Option<String>,
    /// Headers to add: to the answer where the route answers, else to the request.
    pub(crate) add: Vec<(String, String)>,
    /// Names of headers that the request loses.
    pub(crate) remove: Vec<String>,
}

impl Route {
    /// A route that does nothing yet.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for a pattern that is too large.
    pub(crate) fn new(pattern: &str) -> Result<Self> {
        let (glob, pattern) = (Glob::new(pattern)?, pattern.to_owned());
        let (add, remove) = (Vec::new(), Vec::new());
        Ok(Self { pattern, glob, status: None, body: None, content_type: None, add, remove })
    }

    /// Whether it answers itself, without the network.
    pub(crate) const fn answers(&self) -> bool {
        self.status.is_some() || self.body.is_some()
    }

    /// Whether the address fits.
    pub(crate) fn fits(&self, url: &str) -> bool {
        self.glob.fits(url)
    }

    fn size(&self) -> usize {
        self.body.as_ref().map_or(0, String::len)
            + self.add.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
    }
}

/// A pattern for addresses: `*` is anything but a slash, `**` anything, `{a,b}` one of these.
#[derive(Debug, Clone)]
struct Glob(Regex);

impl Glob {
    fn new(pattern: &str) -> Result<Self> {
        let wrong = || {
            Error::new(Code::InvalidArguments, "the pattern is too large or not a glob")
                .next("Use a shorter pattern such as **/api/* or https://host/**.")
        };
        if pattern.len() > MAX_PATTERN {
            return Err(wrong());
        }
        let source = format!("^(?:{})$", as_regex(pattern));
        let compiled = RegexBuilder::new(&source).size_limit(PATTERN_SIZE).build();
        compiled.map(Self).map_err(|_| wrong())
    }

    /// The fragment never counts; `https://host` means `https://host/`.
    fn fits(&self, url: &str) -> bool {
        let url = url.split('#').next().unwrap_or_default();
        let bare = || url.strip_suffix('/').filter(|bare| bare.matches('/').count() == 2);
        self.0.is_match(url) || bare().is_some_and(|bare| self.0.is_match(bare))
    }
}

/// The glob as a regular expression.
fn as_regex(glob: &str) -> String {
    let mut out = String::new();
    let mut rest: VecDeque<char> = glob.chars().collect();
    let mut before = None;
    let mut open = false;
    while let Some(c) = rest.pop_front() {
        match c {
            '\\' => out.push_str(&regex::escape(&rest.pop_front().unwrap_or('\\').to_string())),
            '*' => {
                let mut stars = 1;
                while rest.front() == Some(&'*') {
                    rest.pop_front();
                    stars += 1;
                }
                let alone = matches!(before, None | Some('/')) && rest.front() == Some(&'/');
                if stars == 1 {
                    out.push_str("[^/]*");
                } else if alone {
                    // `**/x` is also plain `x`.
                    rest.pop_front();
                    out.push_str("(?:[^/]*/)*");
                    before = Some('/');
                    continue;
                } else {
                    out.push_str(".*");
                }
            }
            '{' if !open && rest.contains(&'}') => {
                open = true;
                out.push_str("(?:");
            }
            '}' if open => {
                open = false;
                out.push(')');
            }
            ',' if open => out.push('|'),
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
        before = Some(c);
    }
    out
}

/// The routes of one session, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Routes(Mutex<Vec<Arc<Route>>>);

impl Routes {
    /// One more, which goes before all others.
    ///
    /// # Errors
    /// [`Code::LimitReached`] for too many or too much.
    pub(crate) fn add(&self, route: Route) -> Result<()> {
        let mut routes = self.0.lock();
        let bodies: usize = routes.iter().map(|route| route.size()).sum();
        if routes.len() >= MAX_ROUTES || bodies + route.size() > MAX_BODIES {
            let limit = format!("a session has at most {MAX_ROUTES} routes with {} MB", MAX_BODIES / 1024 / 1024);
            return Err(Error::new(Code::LimitReached, limit).next("Remove some with browser_unroute."));
        }
        routes.push(Arc::new(route));
        Ok(())
    }

    /// Removes those of `pattern`, or all; how many those were.
    pub(crate) fn remove(&self, pattern: Option<&str>) -> usize {
        let mut routes = self.0.lock();
        let before = routes.len();
        routes.retain(|route| pattern.is_some_and(|pattern| route.pattern != pattern));
        before - routes.len()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Route>> {
        self.0.lock().clone()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// The route for an address: the youngest that fits.
    pub(crate) fn find(&self, url: &str) -> Option<Arc<Route>> {
        self.0.lock().iter().rev().find(|route| route.fits(url)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_mean_what_the_design_says() {
        let cases = [
            ("**/api/*", "http://h/api/users", true),
            ("**/api/*", "http://h/api/users/1", false),
            ("**/api/**", "http://h/api/users/1?q=2#f", true),
            ("**/*.{png,jpg}", "https://h/a/b.jpg", true),
            ("**/*.{png,jpg}", "https://h/a/b.gif", false),
            ("https://h/**/x", "https://h/x", true),
            ("https://h/**/x", "https://h/a/b/x", true),
            ("https://h", "https://h/", true),
            ("https://h/a", "https://h/a/", false),
            ("**", "https://h/anything?x", true),
            ("*", "https://h/", false),
            ("http://h/a?b=1", "http://h/a?b=1", true),
            ("http://h/a?b=1", "http://h/ab=1", false),
            ("http://h/a.b+(c)", "http://h/a.b+(c)", true),
            ("http://h/{a", "http://h/{a", true),
            ("http://h/\\*", "http://h/*", true),
            ("http://h/\\*", "http://h/x", false),
        ];
        for (pattern, url, expected) in cases {
            assert_eq!(Route::new(pattern).unwrap().fits(url), expected, "{pattern} {url}");
        }
    }

    #[test]
    fn the_youngest_route_that_fits_wins_and_they_go_by_pattern() {
        let routes = Routes::default();
        for (pattern, status) in [("**/a", 1), ("**/*", 2), ("**/a", 3)] {
            routes.add(Route { status: Some(status), ..Route::new(pattern).unwrap() }).unwrap();
        }
        assert_eq!(routes.find("http://h/a").unwrap().status, Some(3));
        assert_eq!(routes.find("http://h/b").unwrap().status, Some(2));
        assert_eq!(routes.remove(Some("**/a")), 2);
        assert_eq!(routes.find("http://h/a").unwrap().status, Some(2));
        assert_eq!(routes.remove(None), 1);
        assert!(routes.is_empty());
    }

    #[test]
    fn routes_have_a_bound() {
        let routes = Routes::default();
        let large = Route { body: Some("x".repeat(MAX_BODIES)), ..Route::new("a").unwrap() };
        routes.add(large.clone()).unwrap();
        assert_eq!(routes.add(large).unwrap_err().code, Code::LimitReached);
        assert!(Route::new(&"{a,".repeat(500_000)).is_err() && Route::new(&"a".repeat(2_000_000)).is_err());
        assert!(!Route::new(&"{a,".repeat(5_000)).unwrap().fits("x"));
    }
}
