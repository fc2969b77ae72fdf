//! Reports the progress of a job: `cargo run --example writer`, and
//! `sstat watch` in another terminal.

use std::time::Duration;

use sstat::SessionStatus;

fn main() -> sstat::Result<()> {
    let mut session = SessionStatus::discover("example".parse()?)?;
    for step in 0..10 {
        session
            .working(format!("Step {} of 10", step + 1))
            .progress(f64::from(step) / 10.0)
            .expect(Duration::from_secs(30))
            .push()?;
        std::thread::sleep(Duration::from_secs(1));
    }
    session.completed("10 steps").push()
}
