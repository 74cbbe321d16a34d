//! The keyboard: what a key is called, and pressing it with others held.

use std::sync::Arc;

use chromiumoxide::cdp::browser_protocol::input::{DispatchKeyEventParams, DispatchKeyEventType};
use ebb_core::{Code, Error, Result, sessions::clean_text};

use super::tab::Tab;

/// Characters of an unknown key's name that its error repeats.
const SHOWN: usize = 50;

/// Alt, in the bits of the DevTools protocol.
pub(crate) const ALT: i64 = 1;
/// Control.
pub(crate) const CONTROL: i64 = 2;
/// Meta: Command, Windows.
pub(crate) const META: i64 = 4;
/// Shift.
pub(crate) const SHIFT: i64 = 8;

/// Control, on a Mac Meta.
pub(crate) const CONTROL_OR_META: i64 = if cfg!(target_os = "macos") { META } else { CONTROL };

/// Keys that write: code, number, character, character with Shift (US layout).
const WRITING: [(&str, i64, char, char); 22] = [
    ("Digit0", 48, '0', ')'),
    ("Digit1", 49, '1', '!'),
    ("Digit2", 50, '2', '@'),
    ("Digit3", 51, '3', '#'),
    ("Digit4", 52, '4', '$'),
    ("Digit5", 53, '5', '%'),
    ("Digit6", 54, '6', '^'),
    ("Digit7", 55, '7', '&'),
    ("Digit8", 56, '8', '*'),
    ("Digit9", 57, '9', '('),
    ("Space", 32, ' ', ' '),
    ("Backquote", 192, '`', '~'),
    ("Minus", 189, '-', '_'),
    ("Equal", 187, '=', '+'),
    ("BracketLeft", 219, '[', '{'),
    ("BracketRight", 221, ']', '}'),
    ("Backslash", 220, '\\', '|'),
    ("Semicolon", 186, ';', ':'),
    ("Quote", 222, '\'', '"'),
    ("Comma", 188, ',', '<'),
    ("Period", 190, '.', '>'),
    ("Slash", 191, '/', '?'),
];

/// Keys that do: code, number, name, where on the keyboard (1 left, 2 right, 3 number pad).
const DOING: [(&str, i64, &str, i64); 41] = [
    ("Escape", 27, "Escape", 0),
    ("Backspace", 8, "Backspace", 0),
    ("Tab", 9, "Tab", 0),
    ("Enter", 13, "Enter", 0),
    ("CapsLock", 20, "CapsLock", 0),
    ("ShiftLeft", 16, "Shift", 1),
    ("ShiftRight", 16, "Shift", 2),
    ("ControlLeft", 17, "Control", 1),
    ("ControlRight", 17, "Control", 2),
    ("AltLeft", 18, "Alt", 1),
    ("AltRight", 18, "Alt", 2),
    ("MetaLeft", 91, "Meta", 1),
    ("MetaRight", 92, "Meta", 2),
    ("ContextMenu", 93, "ContextMenu", 0),
    ("PrintScreen", 44, "PrintScreen", 0),
    ("ScrollLock", 145, "ScrollLock", 0),
    ("Pause", 19, "Pause", 0),
    ("NumLock", 144, "NumLock", 0),
    ("Insert", 45, "Insert", 0),
    ("Delete", 46, "Delete", 0),
    ("Home", 36, "Home", 0),
    ("End", 35, "End", 0),
    ("PageUp", 33, "PageUp", 0),
    ("PageDown", 34, "PageDown", 0),
    ("ArrowLeft", 37, "ArrowLeft", 0),
    ("ArrowUp", 38, "ArrowUp", 0),
    ("ArrowRight", 39, "ArrowRight", 0),
    ("ArrowDown", 40, "ArrowDown", 0),
    ("NumpadEnter", 13, "Enter", 3),
    ("AltGraph", 225, "AltGraph", 0),
    ("AudioVolumeMute", 173, "AudioVolumeMute", 0),
    ("AudioVolumeDown", 174, "AudioVolumeDown", 0),
    ("AudioVolumeUp", 175, "AudioVolumeUp", 0),
    ("MediaTrackNext", 176, "MediaTrackNext", 0),
    ("MediaTrackPrevious", 177, "MediaTrackPrevious", 0),
    ("MediaStop", 178, "MediaStop", 0),
    ("MediaPlayPause", 179, "MediaPlayPause", 0),
    ("BrowserBack", 166, "BrowserBack", 0),
    ("BrowserForward", 167, "BrowserForward", 0),
    ("BrowserRefresh", 168, "BrowserRefresh", 0),
    ("Cancel", 3, "Cancel", 0),
];

/// The signs of the number pad: code, number, character.
const PAD: [(&str, i64, char); 5] = [
    ("NumpadMultiply", 106, '*'),
    ("NumpadAdd", 107, '+'),
    ("NumpadSubtract", 109, '-'),
    ("NumpadDecimal", 110, '.'),
    ("NumpadDivide", 111, '/'),
];

/// One key as it goes down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stroke {
    key: String,
    code: String,
    number: i64,
    location: i64,
    /// What it writes.
    text: Option<String>,
}

impl Stroke {
    fn writing(code: String, number: i64, character: char) -> Self {
        let text = character.to_string();
        Self { key: text.clone(), code, number, location: 0, text: Some(text) }
    }

    /// The bit it sets while it is held.
    fn held(&self) -> i64 {
        match self.key.as_str() {
            "Alt" => ALT,
            "Control" => CONTROL,
            "Meta" => META,
            "Shift" => SHIFT,
            _ => 0,
        }
    }
}

/// The key called `name`, by its character (`a`, `!`), its name (`Enter`) or its code (`KeyA`).
fn named(name: &str, shift: bool) -> Option<Stroke> {
    let mut letters = name.chars();
    if let (Some(character), None) = (letters.next(), letters.next()) {
        if character.is_ascii_alphabetic() {
            return Some(letter(if shift { character.to_ascii_uppercase() } else { character }));
        }
        if character == '\n' || character == '\r' {
            return named("Enter", false);
        }
        let (code, number, plain, shifted) =
            WRITING.into_iter().find(|(_, _, plain, shifted)| [*plain, *shifted].contains(&character))?;
        return Some(Stroke::writing(
            code.to_owned(),
            number,
            if shift && character == plain { shifted } else { character },
        ));
    }
    if let Some(character) = name.strip_prefix("Key").and_then(single).filter(char::is_ascii_uppercase) {
        return Some(letter(if shift { character } else { character.to_ascii_lowercase() }));
    }
    if let Some((code, number, plain, shifted)) = WRITING.into_iter().find(|(code, ..)| *code == name) {
        return Some(Stroke::writing(code.to_owned(), number, if shift { shifted } else { plain }));
    }
    if let Some(digit) = name.strip_prefix("Numpad").and_then(single).filter(char::is_ascii_digit) {
        let number = 96 + i64::from(digit as u32 - '0' as u32);
        return Some(Stroke { location: 3, ..Stroke::writing(name.to_owned(), number, digit) });
    }
    if let Some((code, number, sign)) = PAD.into_iter().find(|(code, ..)| *code == name) {
        return Some(Stroke { location: 3, ..Stroke::writing(code.to_owned(), number, sign) });
    }
    let function =
        name.strip_prefix('F').filter(|digits| !digits.starts_with('0')).and_then(|digits| digits.parse().ok());
    if let Some(nth @ 1..=24) = function {
        return Some(doing(name, name, 111 + nth, 0));
    }
    let name = match name {
        "ControlOrMeta" if CONTROL_OR_META == META => "Meta",
        "ControlOrMeta" => "Control",
        other => other,
    };
    // A bare name is the key on the left.
    let known = DOING.into_iter().find(|(code, _, key, _)| *code == name || *key == name)?;
    let (code, number, key, location) = known;
    Some(doing(key, code, number, location))
}

fn single(text: &str) -> Option<char> {
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

fn letter(character: char) -> Stroke {
    let upper = character.to_ascii_uppercase();
    Stroke::writing(format!("Key{upper}"), i64::from(upper as u32), character)
}

fn doing(key: &str, code: &str, number: i64, location: i64) -> Stroke {
    let text = (key == "Enter").then(|| "\r".to_owned());
    Stroke { key: key.to_owned(), code: code.to_owned(), number, location, text }
}

/// Reads `Control+Shift+a`: the keys in the order they go down.
///
/// # Errors
/// `Unknown key: "x"`.
pub(crate) fn parse(combination: &str) -> Result<Vec<Stroke>> {
    let mut names: Vec<String> = vec![String::new()];
    for character in combination.chars() {
        match names.last_mut() {
            Some(name) if character != '+' || name.is_empty() => name.push(character),
            _ => names.push(String::new()),
        }
    }
    let shift = names.iter().rev().skip(1).any(|name| name.starts_with("Shift"));
    names
        .iter()
        .map(|name| {
            named(name, shift).ok_or_else(|| {
                Error::new(Code::InvalidArguments, format!("Unknown key: \"{}\"", clean_text(name, SHOWN)))
                    .next("Use names such as Enter, ArrowLeft, F5, a, or a combination such as Control+a.")
            })
        })
        .collect()
}

/// The key that writes `character`, if there is one.
pub(crate) fn of_character(character: char) -> Option<Stroke> {
    match character {
        '\t' => named("Tab", false),
        _ => named(character.encode_utf8(&mut [0; 4]), false),
    }
}

/// Presses `strokes` in order and lets them go in reverse.
///
/// # Errors
/// As any call to the tab; [`Code::ModalState`] when a dialog opened. Keys that are down are let go all the same.
pub(crate) async fn press(tab: &Arc<Tab>, strokes: &[Stroke]) -> Result<()> {
    let mut held = 0;
    let mut outcome = Ok(());
    let mut down = 0;
    for stroke in strokes {
        let before = held;
        held |= stroke.held();
        down += 1;
        outcome = send(tab, stroke, true, if stroke.held() == 0 { before } else { held }).await;
        if outcome.is_err() {
            break;
        }
    }
    for stroke in strokes.iter().take(down).rev() {
        held &= !stroke.held();
        if outcome.is_ok() {
            outcome = send(tab, stroke, false, held).await;
        } else {
            // The page answers nobody while it waits itself; the key must not stay down for that.
            tab.post(&event(stroke, false, held));
        }
    }
    outcome
}

async fn send(tab: &Arc<Tab>, stroke: &Stroke, down: bool, held: i64) -> Result<()> {
    tab.unless_modal(tab.call(&event(stroke, down, held))).await.map(drop)
}

fn event(stroke: &Stroke, down: bool, held: i64) -> DispatchKeyEventParams {
    // With a modifier other than Shift a key commands and writes nothing.
    let text = stroke.text.as_ref().filter(|_| held & !SHIFT == 0);
    let kind = match (down, text) {
        (true, Some(_)) => DispatchKeyEventType::KeyDown,
        (true, None) => DispatchKeyEventType::RawKeyDown,
        (false, _) => DispatchKeyEventType::KeyUp,
    };
    let mut event = DispatchKeyEventParams::new(kind);
    event.modifiers = Some(held);
    event.key = Some(stroke.key.clone());
    event.code = Some(stroke.code.clone());
    event.windows_virtual_key_code = Some(stroke.number);
    event.location = Some(stroke.location);
    event.is_keypad = Some(stroke.location == 3);
    if down && let Some(text) = text {
        event.text = Some(text.clone());
        event.unmodified_text = Some(text.clone());
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(combination: &str) -> Vec<(String, String, Option<String>)> {
        let strokes = parse(combination).unwrap();
        strokes.into_iter().map(|stroke| (stroke.key, stroke.code, stroke.text)).collect()
    }

    fn one(key: &str, code: &str, text: Option<&str>) -> (String, String, Option<String>) {
        (key.to_owned(), code.to_owned(), text.map(str::to_owned))
    }

    #[test]
    fn keys_are_found_by_character_name_and_code() {
        assert_eq!(said("a"), [one("a", "KeyA", Some("a"))]);
        assert_eq!(said("A"), [one("A", "KeyA", Some("A"))]);
        assert_eq!(said("KeyA"), [one("a", "KeyA", Some("a"))]);
        assert_eq!(said("!"), [one("!", "Digit1", Some("!"))]);
        assert_eq!(said("Space"), [one(" ", "Space", Some(" "))]);
        assert_eq!(said("+"), [one("+", "Equal", Some("+"))]);
        assert_eq!(said("Enter"), [one("Enter", "Enter", Some("\r"))]);
        assert_eq!(said("F12"), [one("F12", "F12", None)]);
        assert_eq!(said("Numpad7"), [one("7", "Numpad7", Some("7"))]);
        assert_eq!(parse("ArrowLeft").unwrap()[0].number, 37);
        assert_eq!(parse("F12").unwrap()[0].number, 123);
    }

    #[test]
    fn combinations_hold_what_comes_first() {
        assert_eq!(said("Shift+a"), [one("Shift", "ShiftLeft", None), one("A", "KeyA", Some("A"))]);
        assert_eq!(said("Control++").len(), 2);
        assert_eq!(said("Shift+1")[1], one("!", "Digit1", Some("!")));
        let strokes = parse("Control+a").unwrap();
        assert_eq!(event(&strokes[1], true, CONTROL).text, None, "a command writes nothing");
    }

    #[test]
    fn unknown_keys_are_named() {
        for (given, named) in
            [("NoSuchKey", "NoSuchKey"), ("Control+Nope", "Nope"), ("", ""), ("F25", "F25"), ("é", "é")]
        {
            let error = parse(given).unwrap_err();
            assert_eq!(error.message, format!("Unknown key: \"{named}\""), "{given}");
        }
    }
}
