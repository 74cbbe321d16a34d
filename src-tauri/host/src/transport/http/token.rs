//! The secret that a client on the TCP port must know. It lies in a file that only its user can read, and
//! nowhere else.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::Path,
};

use ebb_core::{Code, Error, Result};

use super::revivals::Principal;

/// Random bytes of a token: 256 bits.
const BYTES: usize = 32;
/// Characters of its text.
const LENGTH: usize = BYTES * 2;

/// A bearer token. It is never shown, not even in debug output.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(...)")
    }
}

impl Token {
    /// The token in the file at `path`; made where there is none, and made anew where others could have
    /// read it. Client configurations name the file's content, so a good one stays across starts.
    ///
    /// # Errors
    /// [`Code::Internal`] when the file cannot be made, or is a link or another user's.
    pub fn load_or_make(path: &Path) -> Result<Self> {
        let failed = |why: String| {
            Error::new(Code::Internal, format!("the token file {} cannot be used: {why}", path.display()))
                .next("Remove it, or choose another place with --data-dir.")
        };
        match std::fs::symlink_metadata(path) {
            Ok(there) => {
                if !there.is_file() {
                    return Err(failed("it is no plain file".to_owned()));
                }
                if let Some(token) = read(path, &there).map_err(|error| failed(error.to_string()))? {
                    return Ok(token);
                }
                tracing::warn!(path = %path.display(), "the token file was readable by others or damaged; a new token is made");
                std::fs::remove_file(path).map_err(|error| failed(error.to_string()))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error.to_string())),
        }
        make(path).map_err(|error| failed(error.to_string()))
    }

    /// Whoever knows it.
    pub(super) fn principal(&self) -> Principal {
        Principal::token(&self.0)
    }

    /// Whether this is the value of an `Authorization` header with it. Takes as long for a wrong one as for
    /// the right one.
    pub(super) fn admits(&self, authorization: &str) -> bool {
        let Some((scheme, given)) = authorization.split_once(' ') else { return false };
        let given = given.trim().as_bytes();
        let own = self.0.as_bytes();
        let mut difference = u8::from(!scheme.eq_ignore_ascii_case("bearer")) | u8::from(given.len() != own.len());
        for (at, byte) in own.iter().enumerate() {
            difference |= byte ^ given.get(at).copied().unwrap_or_default();
        }
        std::hint::black_box(difference) == 0
    }
}

/// The token in the file, if only its user could have read it.
fn read(path: &Path, there: &std::fs::Metadata) -> std::io::Result<Option<Token>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if there.uid() != rustix::process::geteuid().as_raw() {
            return Err(std::io::Error::other("it belongs to another user"));
        }
        if there.mode() & 0o077 != 0 {
            return Ok(None);
        }
    }
    if there.len() > 1_024 {
        return Ok(None);
    }
    let mut text = String::new();
    File::open(path)?.take(1_024).read_to_string(&mut text).unwrap_or_default();
    let text = text.trim();
    let good = text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(good.then(|| Token(text.to_owned())))
}

fn make(path: &Path) -> std::io::Result<Token> {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    let text = data_encoding::HEXLOWER.encode(&bytes);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    Ok(Token(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_token_stays_across_starts_and_only_it_admits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http-token");
        let token = Token::load_or_make(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(text.trim().len(), 64);
        assert!(token.admits(&format!("Bearer {}", text.trim())));
        assert!(token.admits(&format!("bearer {}", text.trim())));
        for wrong in [
            "",
            "Bearer ",
            "Bearer x",
            &format!("Basic {}", text.trim()),
            &format!("Bearer {}0", text.trim()),
            text.trim(),
        ] {
            assert!(!token.admits(wrong), "{wrong}");
        }
        let again = Token::load_or_make(&path).unwrap();
        assert!(again.admits(&format!("Bearer {}", text.trim())));
        assert_eq!(format!("{token:?}"), "Token(...)");
    }

    #[test]
    fn a_token_that_others_could_read_is_made_anew_and_links_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http-token");
        Token::load_or_make(&path).unwrap();
        let old = std::fs::read_to_string(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let token = Token::load_or_make(&path).unwrap();
        assert!(!token.admits(&format!("Bearer {}", old.trim())));
        std::fs::write(&path, "short").unwrap();
        Token::load_or_make(&path).unwrap();
        assert_ne!(std::fs::read_to_string(&path).unwrap(), "short");
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        Token::load_or_make(&link).unwrap_err();
    }
}
