//! The C structure `kinfo_proc` of macOS and FreeBSD, as sysctl(3) returns it.

use super::{ProcessStat, ProcessState};

/// The offsets of the used fields, in bytes.
pub(super) struct Layout {
    pub(super) bytes: usize,
    /// A `timeval`.
    pub(super) start: usize,
    pub(super) state: usize,
    pub(super) pid: usize,
    pub(super) parent: usize,
    pub(super) ignored_signals: usize,
    pub(super) name: usize,
    /// The id of the jail (FreeBSD).
    pub(super) jail: Option<usize>,
}

/// `sys/sysctl.h` and `sys/proc.h` of macOS, whose ABI is fixed.
#[cfg_attr(target_os = "freebsd", allow(dead_code))]
pub(super) const APPLE: Layout = Layout {
    bytes: 648,
    start: 0,
    state: 36,
    pid: 40,
    parent: 560,
    ignored_signals: 232,
    name: 243,
    jail: None,
};

/// `SSTOP` and `SZOMB` in `sys/proc.h` of both.
const STOPPED: u8 = 4;
const ZOMBIE: u8 = 5;

/// One process.
pub(super) struct Kinfo<'a> {
    bytes: &'a [u8],
    layout: &'a Layout,
}

impl<'a> Kinfo<'a> {
    /// Returns `None` unless the bytes describe this process.
    pub(super) fn new(bytes: &'a [u8], layout: &'a Layout, pid: u32) -> Option<Self> {
        let kinfo = Self { bytes, layout };
        (bytes.len() >= layout.bytes && kinfo.integer(layout.pid) == pid).then_some(kinfo)
    }

    fn integer(&self, offset: usize) -> u32 {
        let bytes = self.bytes[offset..].first_chunk();
        bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    }

    /// Returns the state and the start time in microseconds.
    pub(super) fn stat(&self) -> Option<ProcessStat> {
        let state = match self.bytes[self.layout.state] {
            ZOMBIE => ProcessState::Gone,
            STOPPED => ProcessState::Stopped,
            _ => ProcessState::Running,
        };
        let start_time = microseconds(&self.bytes[self.layout.start..])?;
        Some(ProcessStat { state, start_time })
    }

    pub(super) fn parent(&self) -> Option<u32> {
        Some(self.integer(self.layout.parent)).filter(|&parent| parent > 0)
    }

    pub(super) fn ignored_signals(&self) -> u64 {
        self.integer(self.layout.ignored_signals).into()
    }

    pub(super) fn jail(&self) -> Option<u64> {
        Some(self.layout.jail.map_or(0, |jail| self.integer(jail).into()))
    }

    pub(super) fn name(&self) -> Option<String> {
        let name = self.bytes[self.layout.name..]
            .split(|&byte| byte == 0)
            .next()?;
        Some(String::from_utf8_lossy(name).into_owned())
    }
}

/// Reads a `timeval` of a 64-bit system.
pub(super) fn microseconds(timeval: &[u8]) -> Option<u64> {
    let [seconds, microseconds] =
        [0, 8].map(|at| Some(i64::from_ne_bytes(*timeval.get(at..)?.first_chunk()?)));
    let seconds = u64::try_from(seconds?).ok()?;
    // macOS has a 32-bit number of microseconds, with padding.
    let microseconds = microseconds? as u32;
    seconds
        .checked_mul(1_000_000)?
        .checked_add(microseconds.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read() {
        let mut bytes = vec![0; APPLE.bytes];
        bytes[APPLE.start..][..8].copy_from_slice(&1_700_000_000_i64.to_ne_bytes());
        bytes[APPLE.start + 8..][..4].copy_from_slice(&250_000_u32.to_ne_bytes());
        bytes[APPLE.pid..][..4].copy_from_slice(&42_u32.to_ne_bytes());
        bytes[APPLE.parent..][..4].copy_from_slice(&7_u32.to_ne_bytes());
        bytes[APPLE.ignored_signals..][..4].copy_from_slice(&0x1001_u32.to_ne_bytes());
        bytes[APPLE.name..][..3].copy_from_slice(b"zsh");
        for (code, state) in [
            (2, ProcessState::Running),
            (STOPPED, ProcessState::Stopped),
            (ZOMBIE, ProcessState::Gone),
        ] {
            bytes[APPLE.state] = code;
            let kinfo = Kinfo::new(&bytes, &APPLE, 42).unwrap();
            let stat = kinfo.stat().unwrap();
            assert_eq!(stat.state, state);
            assert_eq!(stat.start_time, 1_700_000_000_250_000);
            assert_eq!(kinfo.parent(), Some(7));
            assert_eq!(kinfo.ignored_signals(), 0x1001);
            assert_eq!(kinfo.name().unwrap(), "zsh");
            assert_eq!(kinfo.jail(), Some(0));
        }
        assert!(Kinfo::new(&bytes, &APPLE, 43).is_none());
        assert!(Kinfo::new(&bytes[1..], &APPLE, 42).is_none());
    }
}
