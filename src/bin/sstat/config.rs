//! Decisions from flags, environment, terminal and clock. Only this module reads
//! the environment. Each variable is read when a command needs it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sstat::{Durability, HealthRules, Location, Thresholds};

use crate::cli::{ColorChoice, Common, Moment, Push, StalenessArgs, stale_statuses};
use crate::directories::Directories;
use crate::error::{CliError, Result};
use crate::render::style::{Palette, Style};

/// The configuration of a command.
pub struct Config {
    pub quiet: bool,
    pub verbose: bool,
    pub directories: Directories,
    color: ColorChoice,
}

/// A stream that text is printed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// The source of the current time: the system, or the fixed time of `SSTAT_NOW`.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Option<DateTime<Utc>>);

impl Clock {
    pub fn now(self) -> DateTime<Utc> {
        self.0.unwrap_or_else(Utc::now)
    }
}

impl Config {
    /// A push writes to one directory: that of its session's project, or the first.
    pub fn new(common: Common, push: Option<&Push>) -> Result<Self> {
        let sudo_uid = env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
        let variable = env::var_os("SSTAT_DIR");
        let locations = match push {
            Some(push) => {
                let session = match push.hook {
                    Some(_) => push.hook_session.clone().or_else(session_variable),
                    None => push.session.clone(),
                };
                vec![push_location(common.dir, variable, sudo_uid, session)?]
            }
            None => Location::find_all(common.dir, variable, sudo_uid)?,
        };
        Ok(Self {
            quiet: common.quiet,
            verbose: common.verbose,
            directories: Directories::new(locations),
            color: common.color.unwrap_or(ColorChoice::Auto),
        })
    }

    /// Returns the current time, or that of `SSTAT_NOW`.
    pub fn now(&self) -> Result<DateTime<Utc>> {
        self.clock().map(|clock| clock.now())
    }

    pub fn clock(&self) -> Result<Clock> {
        let time = parsed_variable("SSTAT_NOW", |text| {
            sstat::parse_timestamp(text)
                .ok_or_else(|| format!("invalid time '{text}': expected RFC 3339"))
        });
        time.map(Clock)
    }

    /// Returns the health rules for the current time and the given thresholds.
    pub fn rules(&self, args: &StalenessArgs) -> Result<HealthRules> {
        Ok(HealthRules::new(self.now()?, thresholds(args)?))
    }

    pub fn moment(&self, moment: Moment) -> Result<DateTime<Utc>> {
        match moment {
            Moment::At(time) => Ok(time),
            Moment::Ago(duration) => Ok(before(self.now()?, duration)),
        }
    }

    /// Returns `Synced` for `--sync`, or if `SSTAT_SYNC` is set and not off.
    pub fn durability(&self, sync: bool) -> Durability {
        match sync || variable("SSTAT_SYNC").is_some_and(|value| !is_off(&value)) {
            true => Durability::Synced,
            false => Durability::Cached,
        }
    }

    /// Returns `SSTAT_PID` as given.
    pub fn pid_variable(&self) -> Option<OsString> {
        variable("SSTAT_PID")
    }

    /// Returns `SSTAT_RUN`, the run of the wrapper that started this process.
    pub fn run_variable(&self) -> Option<String> {
        variable("SSTAT_RUN")?.into_string().ok()
    }

    /// Returns `CLAUDE_PID`, which Claude Code sets for its hooks.
    pub fn claude_pid(&self) -> Option<u32> {
        variable("CLAUDE_PID")?.to_str()?.parse().ok()
    }

    /// Returns the tmux pane of this process in the form of the key `tmux`. The last
    /// field of `TMUX` is the index of a session.
    pub fn tmux_pane(&self) -> Option<String> {
        let server = variable("TMUX")?.into_string().ok()?;
        let pane = variable("TMUX_PANE")?.into_string().ok()?;
        let (server, _session) = server.rsplit_once(',')?;
        Some(format!("{server},{pane}"))
    }

    /// Returns whether hooks push prompts and answers. `SSTAT_HOOK_PROMPT=off`
    /// leaves them out.
    pub fn hook_prompts(&self) -> bool {
        !variable("SSTAT_HOOK_PROMPT").is_some_and(|value| is_off(&value))
    }

    /// Returns the current directory as text, empty if it no longer exists.
    pub fn current_directory(&self) -> String {
        env::current_dir().map_or_else(
            |_| String::new(),
            |directory| sstat::escape_invalid_utf8(directory.as_os_str().as_encoded_bytes()),
        )
    }

    /// Returns the style of text on a stream: color, width and character set.
    pub fn style(&self, stream: Stream) -> Style {
        Style {
            color: self.uses_color(stream).then(palette),
            width: match stream {
                Stream::Out => terminal_size::terminal_size_of(std::io::stdout()),
                Stream::Err => terminal_size::terminal_size_of(std::io::stderr()),
            }
            .map(|(width, _)| usize::from(width.0)),
            unicode: locale_is_unicode(),
        }
    }

    /// Returns whether stdin and stdout are a terminal that can show the live
    /// screen.
    #[cfg(feature = "tui")]
    pub fn is_interactive(&self) -> bool {
        let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        // The terminal of MSYS is a pipe, which the screen cannot use.
        #[cfg(windows)]
        let is_terminal = is_terminal
            && winapi_util::console::mode(std::io::stdin()).is_ok()
            && winapi_util::console::mode(std::io::stdout()).is_ok();
        is_terminal && !is_dumb()
    }

    /// Returns whether a person reads the notes on stderr.
    pub fn is_attended(&self) -> bool {
        self.verbose || (!self.quiet && std::io::stderr().is_terminal())
    }

    /// Returns whether to use colors: `--color`, `NO_COLOR`, `CLICOLOR_FORCE` or
    /// `FORCE_COLOR`, then whether the stream is a terminal.
    fn uses_color(&self, stream: Stream) -> bool {
        let is_forced = |name: &str| variable(name).is_some_and(|value| value != "0");
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if variable("NO_COLOR").is_some() => false,
            ColorChoice::Auto if is_forced("CLICOLOR_FORCE") || is_forced("FORCE_COLOR") => true,
            ColorChoice::Auto if is_dumb() => false,
            ColorChoice::Auto => match stream {
                Stream::Out => std::io::stdout().is_terminal() && enable_colors(stream),
                Stream::Err => std::io::stderr().is_terminal() && enable_colors(stream),
            },
        }
    }
}

/// Returns the directory that a push writes to: that of its project for a session
/// `PROJECT/NAME`, otherwise the first one.
fn push_location(
    mut named: Vec<PathBuf>,
    variable: Option<OsString>,
    sudo_uid: Option<u32>,
    session: Option<OsString>,
) -> Result<Location> {
    if let Some(session) = session.as_ref().and_then(|session| session.to_str())
        && session.contains('/')
        && let Ok(all) = Location::find_all(named.clone(), variable.clone(), sudo_uid)
        && let Some((location, _)) = Directories::new(all).split_given(session)
    {
        return Ok(location.clone());
    }
    // An alias may name a directory that its caller overrides.
    Ok(Location::find(named.pop(), variable, sudo_uid)?)
}

/// Returns `SSTAT_SESSION`, the session of an agent's hook.
pub fn session_variable() -> Option<OsString> {
    // In a command of `watch --exec`, it names the session of the alert.
    variable("SSTAT_SESSION").filter(|_| env::var_os("SSTAT_EVENT").is_none())
}

/// Has the console of Windows interpret escape sequences. Returns false if it cannot.
#[cfg(windows)]
fn enable_colors(stream: Stream) -> bool {
    use winapi_util::console::Console;
    let console = match stream {
        Stream::Out => Console::stdout(),
        Stream::Err => Console::stderr(),
    };
    // Other terminals, as that of MSYS, need no setting.
    console.map_or(true, |mut console| {
        console.set_virtual_terminal_processing(true).is_ok()
    })
}

#[cfg(not(windows))]
fn enable_colors(_stream: Stream) -> bool {
    true
}

/// Returns the colors of the terminal by `COLORTERM` and `TERM`. tmux shows its 256
/// colors as well as its own terminal can. Without `TERM` the system is Windows, or
/// the output of `--color=always` goes to a program.
fn palette() -> Palette {
    const CAPABLE: [&str; 9] = [
        "256",
        "direct",
        "24bit",
        "truecolor",
        "alacritty",
        "foot",
        "ghostty",
        "kitty",
        "wezterm",
    ];
    let term = variable("TERM").unwrap_or_default();
    let term = term.to_string_lossy();
    let is_tmux =
        variable("TMUX").is_some() && (term.starts_with("screen") || term.starts_with("tmux"));
    let is_capable = term.is_empty()
        || is_dumb()
        || is_tmux
        || variable("COLORTERM").is_some()
        || CAPABLE.iter().any(|name| term.contains(name));
    if is_capable {
        Palette::Xterm
    } else {
        Palette::Ansi
    }
}

/// Returns whether the terminal cannot move its cursor.
fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Returns whether the value of a variable is off, no, false or 0.
fn is_off(value: &OsStr) -> bool {
    ["off", "no", "false", "0"]
        .iter()
        .any(|off| value.eq_ignore_ascii_case(off))
}

/// Returns a time before another, or the earliest time if that is out of range.
pub fn before(now: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|duration| now.checked_sub_signed(duration))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// Returns the thresholds of flags, environment and defaults. If only `stale` is
/// given and exceeds the default of `very stale`, the latter is three times it.
fn thresholds(args: &StalenessArgs) -> Result<Thresholds> {
    let default = Thresholds::default();
    let duration = |given: Option<Duration>, name: &str| match given {
        None => parsed_variable(name, sstat::parse_duration),
        given => Ok(given),
    };
    let stale = duration(args.stale_after, "SSTAT_STALE_AFTER")?;
    let very_stale = duration(args.very_stale_after, "SSTAT_VERY_STALE_AFTER")?;
    let statuses = match &args.stale_status {
        None => parsed_variable("SSTAT_STALE_STATUS", |text| {
            let list = stale_statuses(text);
            list.map_err(|reason| format!("invalid status list '{text}': {reason}"))
        })?,
        given => given.clone(),
    };
    let very_stale = very_stale.unwrap_or_else(|| match stale {
        Some(stale) if stale >= default.very_stale => stale.saturating_mul(3),
        _ => default.very_stale,
    });
    let stale = stale.unwrap_or(default.stale.min(very_stale));
    if very_stale < stale {
        return Err(CliError::error(format!(
            "--very-stale-after ({}) must not be less than --stale-after ({})",
            sstat::format_duration(very_stale),
            sstat::format_duration(stale)
        )));
    }
    let mut thresholds = Thresholds::new(stale, very_stale);
    thresholds.statuses = statuses.unwrap_or(default.statuses);
    Ok(thresholds)
}

/// Returns the parsed value of a variable. The error of `parse` follows the name.
fn parsed_variable<T, E: Display>(
    name: &str,
    parse: impl FnOnce(&str) -> std::result::Result<T, E>,
) -> Result<Option<T>> {
    let fail = |reason: &dyn Display| CliError::error(format!("{name}: {reason}"));
    let Some(value) = variable(name) else {
        return Ok(None);
    };
    let text = value.to_str().ok_or_else(|| fail(&"invalid UTF-8"))?;
    parse(text).map(Some).map_err(|error| fail(&error))
}

/// Returns all variables, for a wrapped command.
#[cfg(unix)]
pub fn environment() -> env::VarsOs {
    env::vars_os()
}

/// Returns the value of a variable. An empty one counts as unset.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns whether text may contain characters other than ASCII. The first
/// variable that is set decides. Without any it is true: containers set none, and
/// their terminals display UTF-8.
fn locale_is_unicode() -> bool {
    let mut locales = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable);
    locales.next().is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
