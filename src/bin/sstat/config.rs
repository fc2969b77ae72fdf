//! Flags, environment, terminal and clock turned into decisions: the only
//! reader of the environment. Each is looked up when a command asks for it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sstat::{Durability, HealthRules, Location, Thresholds};

use crate::cli::{ColorChoice, Common, Moment, StalenessArgs};
use crate::error::{CliError, Result};
use crate::render::style::Style;

/// What the commands know of the world.
pub struct Config {
    pub quiet: bool,
    pub verbose: bool,
    pub location: Location,
    color: ColorChoice,
}

/// A stream that text goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// What tells the time: the system, or `SSTAT_NOW`, for which it stands still.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    System,
    Fixed(DateTime<Utc>),
}

impl Clock {
    pub fn now(self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now(),
            Self::Fixed(now) => now,
        }
    }
}

impl Config {
    pub fn new(common: Common) -> Result<Self> {
        Ok(Self {
            quiet: common.quiet,
            verbose: common.verbose,
            location: Location::find(common.dir, env::var_os("SSTAT_DIR"))?,
            color: common.color.unwrap_or(ColorChoice::Auto),
        })
    }

    /// The status directory as text, bytes that are no UTF-8 as `\xNN`.
    pub fn directory(&self) -> String {
        let path = self.location.store.path();
        sstat::escape_invalid_utf8(path.as_os_str().as_encoded_bytes())
    }

    /// The time it is, or the one that `SSTAT_NOW` fixes.
    pub fn now(&self) -> Result<DateTime<Utc>> {
        self.clock().map(|clock| clock.now())
    }

    /// What tells the time.
    pub fn clock(&self) -> Result<Clock> {
        match variable("SSTAT_NOW")? {
            None => Ok(Clock::System),
            Some(text) => sstat::parse_timestamp(&text)
                .map(Clock::Fixed)
                .ok_or_else(|| {
                    CliError::error(format!("SSTAT_NOW: '{text}' is not an RFC 3339 time"))
                }),
        }
    }

    /// Now, seen with the thresholds of flags and environment.
    pub fn rules(&self, args: &StalenessArgs) -> Result<HealthRules> {
        Ok(HealthRules::new(self.now()?, thresholds(args)?))
    }

    pub fn moment(&self, moment: Moment) -> Result<DateTime<Utc>> {
        match moment {
            Moment::At(time) => Ok(time),
            Moment::Ago(duration) => Ok(before(self.now()?, duration)),
        }
    }

    /// `SSTAT_SYNC`: any value but an empty one and an off.
    pub fn durability(&self, sync: bool) -> Durability {
        let wanted = |value: OsString| !value.is_empty() && !is_off(&value);
        if sync || env::var_os("SSTAT_SYNC").is_some_and(wanted) {
            Durability::Synced
        } else {
            Durability::Cached
        }
    }

    /// `SSTAT_PID`, as it is.
    pub fn pid_variable(&self) -> Option<OsString> {
        env::var_os("SSTAT_PID").filter(|pid| !pid.is_empty())
    }

    /// `SSTAT_SESSION`: whom an agent's hook speaks of.
    pub fn session_variable(&self) -> Option<OsString> {
        env::var_os("SSTAT_SESSION").filter(|name| !name.is_empty())
    }

    /// The tmux pane that this process runs in.
    pub fn tmux_pane(&self) -> Option<OsString> {
        env::var_os("TMUX_PANE").filter(|pane| !pane.is_empty())
    }

    /// Whether hooks may push what a person typed and what the agent answered:
    /// unless `SSTAT_HOOK_PROMPT` is off, no, false or 0.
    pub fn hook_prompts(&self) -> bool {
        !env::var_os("SSTAT_HOOK_PROMPT").is_some_and(|value| is_off(&value))
    }

    /// The current directory as text; empty where there is none any more.
    pub fn current_directory(&self) -> String {
        env::current_dir().map_or_else(
            |_| String::new(),
            |directory| sstat::escape_invalid_utf8(directory.as_os_str().as_encoded_bytes()),
        )
    }

    /// How text on a stream looks: colour, width, and whether it may leave
    /// ASCII.
    pub fn style(&self, stream: Stream) -> Style {
        Style {
            color: self.colored(stream),
            width: match stream {
                Stream::Out => terminal_size::terminal_size_of(std::io::stdout()),
                Stream::Err => terminal_size::terminal_size_of(std::io::stderr()),
            }
            .map(|(width, _)| usize::from(width.0)),
            unicode: locale_is_unicode(),
        }
    }

    /// Whether a person sits before it: a terminal that can move its cursor,
    /// to read keys from and to draw on.
    #[cfg(all(unix, feature = "tui"))]
    pub fn is_interactive(&self) -> bool {
        std::io::stdin().is_terminal()
            && std::io::stdout().is_terminal()
            && env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Whether this runs in a pane of tmux.
    #[cfg(all(unix, feature = "tui"))]
    pub fn is_inside_tmux(&self) -> bool {
        env::var_os("TMUX").is_some_and(|tmux| !tmux.is_empty())
    }

    /// `--color`, `NO_COLOR`, `CLICOLOR_FORCE` or `FORCE_COLOR`, then what the
    /// terminal is.
    fn colored(&self, stream: Stream) -> bool {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let forced =
            |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if set("NO_COLOR") => false,
            ColorChoice::Auto if forced("CLICOLOR_FORCE") || forced("FORCE_COLOR") => true,
            ColorChoice::Auto => {
                env::var_os("TERM").is_none_or(|term| term != "dumb")
                    && match stream {
                        Stream::Out => std::io::stdout().is_terminal(),
                        Stream::Err => std::io::stderr().is_terminal(),
                    }
            }
        }
    }
}

/// Whether a variable's value says no.
fn is_off(value: &OsStr) -> bool {
    ["off", "no", "false", "0"]
        .iter()
        .any(|off| value.eq_ignore_ascii_case(off))
}

/// A moment before another; the beginning of time where there is none.
pub fn before(now: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|duration| now.checked_sub_signed(duration))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// Three times `stale` where only `stale` is given and would overtake the
/// default of `very stale`.
fn thresholds(args: &StalenessArgs) -> Result<Thresholds> {
    let default = Thresholds::default();
    let stale = match args.stale_after {
        Some(stale) => Some(stale),
        None => duration_variable("SSTAT_STALE_AFTER")?,
    };
    let very_stale = match args.very_stale_after {
        Some(very_stale) => Some(very_stale),
        None => duration_variable("SSTAT_VERY_STALE_AFTER")?,
    };
    let statuses = match &args.stale_status {
        Some(statuses) => statuses.clone(),
        None => match variable("SSTAT_STALE_STATUS")? {
            None => default.statuses,
            Some(text) => text.parse().map_err(|_| {
                CliError::error(format!(
                    "SSTAT_STALE_STATUS: '{text}' is no list of statuses, nor all"
                ))
            })?,
        },
    };
    let (stale, very_stale) = match (stale, very_stale) {
        (Some(stale), Some(very_stale)) if very_stale < stale => {
            return Err(CliError::error(format!(
                "very stale after {} is sooner than stale after {} (--very-stale-after, --stale-after and their variables)",
                sstat::format_duration(very_stale),
                sstat::format_duration(stale)
            )));
        }
        (Some(stale), Some(very_stale)) => (stale, very_stale),
        (Some(stale), None) if stale >= default.very_stale => (stale, stale.saturating_mul(3)),
        (Some(stale), None) => (stale, default.very_stale),
        (None, Some(very_stale)) => (default.stale.min(very_stale), very_stale),
        (None, None) => (default.stale, default.very_stale),
    };
    let mut thresholds = Thresholds::new(stale, very_stale);
    thresholds.statuses = statuses;
    Ok(thresholds)
}

fn duration_variable(name: &str) -> Result<Option<Duration>> {
    variable(name)?
        .map(|text| {
            sstat::parse_duration(&text)
                .map_err(|error| CliError::error(format!("{name}: {error}")))
        })
        .transpose()
}

/// A variable's text; an empty one counts as unset.
fn variable(name: &str) -> Result<Option<String>> {
    match env::var_os(name).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => value
            .into_string()
            .map(Some)
            .map_err(|_| CliError::error(format!("{name}: is not UTF-8"))),
    }
}

/// The first of the locale's variables that is set decides. None set says
/// nothing: containers set none, and their terminals read UTF-8.
fn locale_is_unicode() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(env::var_os)
        .find(|value| !value.is_empty())
        .is_none_or(|value| is_utf8(&value))
}

fn is_utf8(locale: &OsStr) -> bool {
    let locale = locale.to_string_lossy().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
