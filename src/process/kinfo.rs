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

/// `struct user64_kinfo_proc` of XNU (`bsd/sys/sysctl.h`, `bsd/sys/proc_internal.h`),
/// which is the same on both processors and does not change.
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
pub(super) struct Kinfo {
    /// With the start time in microseconds.
    pub(super) stat: ProcessStat,
    pub(super) parent: Option<u32>,
    pub(super) ignored_signals: u64,
    pub(super) name: String,
    /// 0 outside of a jail.
    pub(super) jail: u64,
}

impl Kinfo {
    /// Returns `None` unless the bytes describe this process.
    pub(super) fn parse(bytes: &[u8], layout: &Layout, pid: u32) -> Option<Self> {
        let integer = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        if bytes.len() < layout.bytes || integer(layout.pid)? != pid {
            return None;
        }
        let state = match bytes[layout.state] {
            ZOMBIE => ProcessState::Gone,
            STOPPED => ProcessState::Stopped,
            _ => ProcessState::Running,
        };
        let start_time = microseconds(&bytes[layout.start..])?;
        let name = bytes[layout.name..].split(|&byte| byte == 0).next()?;
        Some(Self {
            stat: ProcessStat { state, start_time },
            parent: integer(layout.parent).filter(|&parent| parent > 0),
            ignored_signals: integer(layout.ignored_signals)?.into(),
            name: String::from_utf8_lossy(name).into_owned(),
            jail: layout.jail.and_then(integer).unwrap_or(0).into(),
        })
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
            let kinfo = Kinfo::parse(&bytes, &APPLE, 42).unwrap();
            assert_eq!(kinfo.stat.state, state);
            assert_eq!(kinfo.stat.start_time, 1_700_000_000_250_000);
            assert_eq!(kinfo.parent, Some(7));
            assert_eq!(kinfo.ignored_signals, 0x1001);
            assert_eq!(kinfo.name, "zsh");
            assert_eq!(kinfo.jail, 0);
        }
        assert!(Kinfo::parse(&bytes, &APPLE, 43).is_none());
        assert!(Kinfo::parse(&bytes[1..], &APPLE, 42).is_none());
    }
}
