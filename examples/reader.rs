//! Prints the sessions that need attention: `cargo run --example reader`.

use sstat::{HealthRules, Location, Thresholds};

fn main() {
    if let Err(error) = print_sessions() {
        eprintln!("reader: {error:#}");
    }
}

fn print_sessions() -> sstat::Result<()> {
    let location = Location::find(None, std::env::var_os("SSTAT_DIR"), None)?;
    let rules = HealthRules::new(chrono::Utc::now(), Thresholds::default());
    let scan = location.store.scan(&rules, |_name| true)?;
    for session in scan
        .sessions
        .iter()
        .filter(|session| session.needs_attention())
    {
        println!(
            "{}: {} {} ({:?})",
            sstat::escape(session.name()),
            session.update.status,
            sstat::escape(&session.update.message),
            session.attention(),
        );
    }
    for warning in &scan.warnings {
        eprintln!("{warning}");
    }
    Ok(())
}
