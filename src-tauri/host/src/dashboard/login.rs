//! One-time codes from the terminal, and the cookies they are traded for.

use std::{collections::VecDeque, hint::black_box, time::Duration};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a code works.
const CODE_LIFE: Duration = Duration::from_mins(1);
/// Codes that wait to be used; the oldest makes room.
const CODES: usize = 8;
/// Browsers that are logged in; the oldest makes room.
const COOKIES: usize = 16;

/// Who may come in. All of it ends with the server.
#[derive(Default)]
pub(super) struct Logins {
    codes: Mutex<VecDeque<(String, Instant)>>,
    cookies: Mutex<VecDeque<String>>,
}

/// Without the secrets.
impl std::fmt::Debug for Logins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}

impl Logins {
    /// A new code: 128 random bits in lower-case base32. None where the system has no random bits.
    pub(super) fn new_code(&self) -> Option<String> {
        let code = BASE32_NOPAD.encode(&random::<16>()?).to_lowercase();
        push(&mut self.codes.lock(), (code.clone(), Instant::now()), CODES);
        Some(code)
    }

    /// Trades a code for a cookie's value: 256 random bits in hexadecimal. A code works once.
    pub(super) fn redeem(&self, code: &str) -> Option<String> {
        {
            let mut codes = self.codes.lock();
            codes.retain(|(_, made)| made.elapsed() < CODE_LIFE);
            let at = find(codes.iter().map(|(known, _)| known.as_str()), code)?;
            codes.remove(at)?;
        }
        let cookie = HEXLOWER.encode(&random::<32>()?);
        push(&mut self.cookies.lock(), cookie.clone(), COOKIES);
        Some(cookie)
    }

    /// Whether this is the value of a cookie that was given.
    pub(super) fn knows(&self, cookie: &str) -> bool {
        find(self.cookies.lock().iter().map(String::as_str), cookie).is_some()
    }
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}

fn push<T>(queue: &mut VecDeque<T>, item: T, len: usize) {
    if queue.len() >= len {
        queue.pop_front();
    }
    queue.push_back(item);
}

/// Where `given` is among `known`, in a time that does not tell how much of it was right.
fn find<'a>(known: impl Iterator<Item = &'a str>, given: &str) -> Option<usize> {
    let mut found = None;
    for (at, known) in known.enumerate() {
        if equal(known.as_bytes(), given.as_bytes()) {
            found = Some(at);
        }
    }
    found
}

fn equal(known: &[u8], given: &[u8]) -> bool {
    // The length is no secret.
    known.len() == given.len() && known.iter().zip(given).fold(0, |all, (a, b)| black_box(all | (a ^ b))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_code_works_once_and_for_a_minute() {
        let logins = Logins::default();
        let code = logins.new_code().unwrap_or_default();
        assert_eq!(code.len(), 26);
        let cookie = logins.redeem(&code).unwrap_or_default();
        assert_eq!(cookie.len(), 64);
        assert!(logins.knows(&cookie));
        assert_eq!(logins.redeem(&code), None, "used");
        let code = logins.new_code().unwrap_or_default();
        tokio::time::advance(CODE_LIFE).await;
        assert_eq!(logins.redeem(&code), None, "late");
    }

    #[test]
    fn guesses_are_nothing_and_the_lists_are_bounded() {
        let logins = Logins::default();
        assert!(!logins.knows(""));
        let codes: Vec<String> = (0..=CODES).filter_map(|_| logins.new_code()).collect();
        for guess in ["", "a", &codes[1][..25], &codes[1].to_uppercase()] {
            assert_eq!(logins.redeem(guess), None);
        }
        assert_eq!(logins.redeem(&codes[0]), None, "made room");
        assert!(codes[1..].iter().all(|code| logins.redeem(code).is_some()));
        for _ in 0..COOKIES * 2 {
            assert!(logins.new_code().and_then(|code| logins.redeem(&code)).is_some());
        }
        assert_eq!(logins.cookies.lock().len(), COOKIES);
    }
}
