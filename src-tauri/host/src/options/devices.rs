//! Devices that pages can be shown as.

use super::{ContextOptions, Viewport};

/// One device.
pub(crate) struct Device {
    /// What it is called.
    pub(crate) name: &'static str,
    width: u32,
    height: u32,
    user_agent: &'static str,
}

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
Version/26.0 Mobile/15E148 Safari/604.1";
const ANDROID: &str = "Mozilla/5.0 (Linux; Android 16; Pixel 10) AppleWebKit/537.36 (KHTML, like Gecko) \
Chrome/148.0.0.0 Mobile Safari/537.36";

/// All of them. Each has three device pixels a CSS pixel, a touch screen, and is mobile.
const DEVICES: [Device; 3] = [
    Device { name: "iPhone 15", width: 393, height: 659, user_agent: IPHONE },
    Device { name: "iPhone 17", width: 402, height: 681, user_agent: IPHONE },
    Device { name: "Pixel 10", width: 360, height: 732, user_agent: ANDROID },
];

/// The device of a server that was told nothing but "mobile".
pub(crate) const MOBILE: &str = "Pixel 10";

/// The device called `name`, in any case.
pub(crate) fn find(name: &str) -> Result<&'static Device, String> {
    DEVICES.iter().find(|device| device.name.eq_ignore_ascii_case(name.trim())).ok_or_else(|| {
        let names: Vec<&str> = DEVICES.iter().map(|device| device.name).collect();
        format!("\"{name}\" is no device that is known here; there are {}", names.join(", "))
    })
}

/// Makes pages look like on the device called `name`.
///
/// # Errors
/// Names the devices that are known.
pub(crate) fn apply_device(name: &str, context: &mut ContextOptions) -> Result<(), String> {
    find(name).map(|device| device.apply(context))
}

impl Device {
    /// Its size.
    pub(crate) const fn viewport(&self) -> Viewport {
        Viewport { width: self.width, height: self.height }
    }

    /// Makes pages look like on it.
    pub(crate) fn apply(&self, context: &mut ContextOptions) {
        context.viewport = Some(self.viewport());
        context.user_agent = Some(self.user_agent.to_owned());
        context.device_scale_factor = Some(3.0);
        context.is_mobile = true;
        context.has_touch = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_found_by_name() {
        let mut context = ContextOptions::default();
        find("iphone 15").unwrap().apply(&mut context);
        assert_eq!(context.viewport, Some(Viewport { width: 393, height: 659 }));
        assert!(context.is_mobile && context.has_touch && context.user_agent.unwrap().contains("iPhone"));
        assert!(find("Nokia 3310").err().unwrap().contains("Pixel 10"));
    }
}
