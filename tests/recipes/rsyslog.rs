//! Runs a sender and a hub on loopback with the configurations of
//! `contrib/rsyslog`, adapted as a site would adapt them.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sstat::{Durability, Status, Store, Update};

use crate::support::{Sandbox, have, or_skip};

/// Maximum time for each step.
const TIMEOUT: Duration = Duration::from_secs(60);

fn have_rsyslog(relp: bool) -> bool {
    have("timeout")
        && have("rsyslogd")
        && (!relp
            || or_skip(
                fs::read_dir("/usr/lib")
                    .into_iter()
                    .flatten()
                    .flatten()
                    .any(|entry| entry.path().join("rsyslog/omrelp.so").exists())
                    || Path::new("/usr/lib64/rsyslog/omrelp.so").exists(),
                "rsyslog-relp",
            ))
}

/// An `rsyslogd` that is killed on drop, or after ten minutes.
struct Daemon {
    wrapper: Child,
    pid_file: PathBuf,
}

impl Daemon {
    fn start(config: &Path) -> Self {
        let pid_file = config.with_extension("pid");
        let _ = fs::remove_file(&pid_file);
        let log = fs::File::create(config.with_extension("log")).unwrap();
        let wrapper = Command::new("timeout")
            .args(["-k", "5", "600", "rsyslogd", "-n", "-C", "-f"])
            .arg(config)
            .arg("-i")
            .arg(&pid_file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut daemon = Self { wrapper, pid_file };
        eventually("rsyslogd starts", || {
            if let Some(status) = daemon.wrapper.try_wait().unwrap() {
                let log = fs::read_to_string(config.with_extension("log")).unwrap();
                panic!("rsyslogd ended with {status}: {log}");
            }
            daemon.pid().is_some()
        });
        daemon
    }

    fn pid(&self) -> Option<String> {
        let pid = fs::read_to_string(&self.pid_file).ok()?;
        Some(pid.trim().to_owned()).filter(|pid| !pid.is_empty())
    }

    fn signal(&self, signal: &str) {
        let pid = self.pid().unwrap();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    fn stop(self, signal: &str) {
        self.signal(signal);
        let mut daemon = self;
        eventually("rsyslogd ends", || {
            daemon.wrapper.try_wait().unwrap().is_some()
        });
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.wrapper.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        if let Some(pid) = self.pid() {
            let _ = Command::new("kill").args(["-s", "KILL", &pid]).status();
        } else {
            let _ = self.wrapper.kill();
        }
        let _ = self.wrapper.wait();
    }
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !holds() {
        assert!(Instant::now() < deadline, "timeout: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A sender and a hub with their directories.
struct Site {
    sandbox: Sandbox,
    port: u16,
}

/// Name of the sending host.
const HOST: &str = "build7";

impl Site {
    fn new(transport: &str) -> Self {
        let sandbox = Sandbox::with_real_clock();
        // The system gives higher ports to other programs before the hub starts.
        let mut ports = std::iter::repeat_with(|| fastrand::u16(10_000..30_000));
        let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = ports.find(is_free).unwrap();
        let site = Self { sandbox, port };
        for directory in ["hub", "work-sender", "work-hub", "tls"] {
            fs::create_dir_all(site.path(directory)).unwrap();
        }
        let port = format!("port=\"{port}\"");
        let at = |name: &str| site.path(name).to_str().unwrap().to_owned();
        let host = format!("global(localHostname=\"{HOST}\"");
        site.configure(
            "sender",
            transport,
            &[
                ("global(", &host),
                ("/srv/status", &at("status")),
                ("/var/lib/sstat/sender", &at("work-sender")),
                ("target=\"hub.example.org\"", "target=\"127.0.0.1\""),
                ("port=\"6514\"", &port),
                ("/etc/sstat/tls/ca.pem", &at("tls/ca.pem")),
                ("/etc/sstat/tls/cert.pem", &at("tls/sender.pem")),
                ("/etc/sstat/tls/key.pem", &at("tls/sender.key")),
            ],
        );
        site.configure(
            "hub",
            transport,
            &[
                ("/srv/hub", &at("hub")),
                ("/var/lib/sstat/hub", &at("work-hub")),
                ("address=\"0.0.0.0\"", "address=\"127.0.0.1\""),
                ("port=\"6514\"", &port),
                ("/etc/sstat/tls/ca.pem", &at("tls/ca.pem")),
                ("/etc/sstat/tls/cert.pem", &at("tls/hub.pem")),
                ("/etc/sstat/tls/key.pem", &at("tls/hub.key")),
            ],
        );
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.root().join(name)
    }

    fn config(&self, which: &str) -> PathBuf {
        self.path(&format!("{which}.conf"))
    }

    fn configure(&self, which: &str, transport: &str, fits: &[(&str, &str)]) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("contrib/rsyslog")
            .join(format!("{which}.conf"));
        let mut text = with_transport(&fs::read_to_string(shipped).unwrap(), transport);
        for (from, to) in fits {
            assert!(text.contains(from), "{which}.conf has no {from}");
            text = text.replace(from, to);
        }
        fs::write(self.config(which), text).unwrap();
    }

    fn start(&self, which: &str) -> Daemon {
        let daemon = Daemon::start(&self.config(which));
        if which == "hub" {
            eventually("the hub listens", || {
                TcpStream::connect(("127.0.0.1", self.port)).is_ok()
            });
        }
        daemon
    }

    fn push(&self, session: &str, message: &str) {
        let name = session.parse().unwrap();
        let mut update = Update::new(&name, Status::Working, chrono::Utc::now());
        message.clone_into(&mut update.message);
        Store::new(self.sandbox.dir())
            .push(&update, Durability::Cached)
            .unwrap();
    }

    fn push_all(&self, from: usize, to: usize) {
        for step in from..to {
            for session in sessions() {
                let message = format!("Schritt {step} läuft: 進捗 \u{1f680} a/b 100%");
                self.push(&session, &message);
            }
        }
    }

    fn eventually_the_same(&self, what: &str) {
        eventually(what, || {
            sessions().all(|session| self.arrived(&session).len() >= self.sent(&session).len())
        });
        for session in sessions() {
            assert!(
                self.arrived(&session) == self.sent(&session),
                "{what}: {session} differs"
            );
        }
    }

    /// Waits until every line arrived at least once.
    fn eventually_all(&self, what: &str) {
        eventually(what, || {
            sessions().all(|session| {
                let arrived = self.arrived(&session);
                let arrived: HashSet<_> = distinct(&arrived).into_iter().collect();
                distinct(&self.sent(&session))
                    .iter()
                    .all(|line| arrived.contains(line))
            })
        });
        for session in sessions() {
            let sent = self.sent(&session);
            let sent: HashSet<_> = distinct(&sent).into_iter().collect();
            for line in distinct(&self.arrived(&session)) {
                assert!(sent.contains(line), "{what}: {session} has a partial line");
            }
        }
    }

    /// Creates a CA and a certificate for each side.
    fn certify(&self) {
        let openssl = |args: &[&str]| {
            let output = Command::new("openssl")
                .args(args)
                .current_dir(self.path("tls"))
                .output()
                .unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "openssl {args:?}: {stderr}");
        };
        let key = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ];
        let ca = ["req", "-x509", "-subj", "/CN=authority", "-days", "2"];
        openssl(&[&ca[..], &key, &["-keyout", "ca.key", "-out", "ca.pem"]].concat());
        for (name, host) in [("hub", "hub.example.org"), ("sender", "build7.example.org")] {
            openssl(
                &[
                    &[
                        "req", "-x509", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2",
                    ][..],
                    &key,
                    &["-subj", &format!("/CN={host}")],
                    &["-addext", &format!("subjectAltName=DNS:{host}")],
                    &["-addext", "basicConstraints=critical,CA:FALSE"],
                    &[
                        "-keyout",
                        &format!("{name}.key"),
                        "-out",
                        &format!("{name}.pem"),
                    ],
                ]
                .concat(),
            );
        }
    }

    fn sent(&self, session: &str) -> Vec<u8> {
        fs::read(self.sandbox.file(session)).unwrap()
    }

    fn arrived(&self, session: &str) -> Vec<u8> {
        let name = format!("hub/{HOST}:{session}_status.json");
        fs::read(self.path(&name)).unwrap_or_default()
    }
}

/// Enables the sections of one transport and disables the others. A section
/// begins with `## NAME` and ends at the next `##`.
fn with_transport(config: &str, transport: &str) -> String {
    let mut section = None;
    let lines = config.lines().map(|line| {
        let code = line.trim_start();
        if let Some(title) = code.strip_prefix("##") {
            let name = title.split(':').next().unwrap_or(title).trim();
            section = Some(name.to_owned()).filter(|name| !name.is_empty());
            return line.to_owned();
        }
        match &section {
            Some(name) if name == transport => line.replacen('#', "", 1),
            Some(_) if !code.starts_with('#') => format!("#{line}"),
            _ => line.to_owned(),
        }
    });
    lines.map(|line| line + "\n").collect()
}

fn sessions() -> impl Iterator<Item = String> {
    (1..=20).map(|number| format!("worker{number}"))
}

/// Returns the lines without duplicates of earlier ones.
fn distinct(lines: &[u8]) -> Vec<&[u8]> {
    let mut seen = HashSet::new();
    lines
        .split_inclusive(|&byte| byte == b'\n')
        .filter(|line| seen.insert(*line))
        .collect()
}

/// Checks that the lines of twenty sessions arrive byte for byte, including a
/// long line and one that is written in two parts.
fn assert_lines_arrive(site: &Site, lines_a_session: usize) {
    // A third of the lines is written before the daemons start.
    site.push_all(0, lines_a_session / 3);
    let _hub = site.start("hub");
    let _sender = site.start("sender");
    site.push_all(lines_a_session / 3, lines_a_session - 1);
    site.push("worker1", &"long ".repeat(12_000));
    for session in sessions().skip(1) {
        site.push(&session, "");
    }
    site.eventually_the_same("all lines");

    // An incomplete line is held back. The arrival of a later line shows that
    // the sender has read it.
    let torn = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"working","message":"ha"#;
    let mut foreign = fs::File::options()
        .append(true)
        .open(site.sandbox.file("worker1"))
        .unwrap();
    foreign.write_all(torn.as_bytes()).unwrap();
    site.push("worker2", "after the torn one");
    eventually("the line after the torn one", || {
        site.arrived("worker2") == site.sent("worker2")
    });
    let sent = site.sent("worker1");
    assert!(site.arrived("worker1") == sent[..sent.len() - torn.len()]);
    foreign.write_all(b"lf and half\"}\n").unwrap();
    site.eventually_the_same("the torn line is whole");

    // The directory of the hub is an ordinary status directory.
    let mut command = site.sandbox.command(["summary", "--json"]);
    let output = command.arg("--dir").arg(site.path("hub")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<_> = sessions()
        .map(|session| format!("{HOST}:{session}"))
        .collect();
    assert_eq!(summary["working_sessions"], serde_json::json!(names));
    assert_eq!(summary["skipped_lines"], 0);
    assert!(!site.path("work-hub/refused").exists());
}

#[test]
fn lines_arrive_byte_for_byte_by_tcp() {
    if have_rsyslog(false) {
        assert_lines_arrive(&Site::new("TCP"), 30);
    }
}

#[test]
fn lines_arrive_byte_for_byte_by_relp() {
    if have_rsyslog(true) {
        assert_lines_arrive(&Site::new("RELP"), 150);
    }
}

#[test]
fn lines_arrive_byte_for_byte_by_relp_over_tls() {
    if have_rsyslog(true) && have("openssl") {
        let site = Site::new("RELP over TLS");
        site.certify();
        assert_lines_arrive(&site, 30);
    }
}

#[test]
fn no_line_is_lost_during_a_hub_outage() {
    if !have_rsyslog(true) {
        return;
    }
    let site = Site::new("RELP");
    let hub = site.start("hub");
    let sender = site.start("sender");
    site.push_all(0, 20);
    site.eventually_the_same("all before");

    hub.stop("TERM");
    site.push_all(20, 40);
    let hub = site.start("hub");
    // The line in transit may arrive twice.
    site.eventually_all("what was pushed while the hub was away");

    site.push_all(40, 50);
    hub.stop("KILL");
    site.push_all(50, 60);
    let _hub = site.start("hub");
    site.eventually_all("what was pushed around the hub's end");

    site.push_all(60, 65);
    site.eventually_all("what was pushed before the sender's restart");
    sender.stop("TERM");
    site.push_all(65, 70);
    let _sender = site.start("sender");
    site.push_all(70, 75);
    site.eventually_all("what was pushed around the sender's restart");
}

#[test]
fn renamed_and_restarted_file_arrives_completely() {
    if !have_rsyslog(true) {
        return;
    }
    let site = Site::new("RELP");
    let _hub = site.start("hub");
    let _sender = site.start("sender");
    let mut sent = Vec::new();
    for round in 0..5 {
        site.push("worker1", &format!("round {round} begins"));
        sent.extend(site.sent("worker1"));
        // A file is not found if it is renamed before imfile opened it.
        eventually("the round's first line", || {
            site.arrived("worker1").ends_with(&site.sent("worker1"))
        });
        let seen = site.sent("worker1").len();
        for step in 0..20 {
            site.push("worker1", &format!("round {round} step {step}"));
        }
        sent.extend(&site.sent("worker1")[seen..]);
        // At this point the sender has probably not read all of it.
        fs::rename(
            site.sandbox.file("worker1"),
            site.path(&format!("worker1.{round}")),
        )
        .unwrap();
    }
    let wanted = distinct(&sent);
    eventually("all rounds", || {
        let arrived = site.arrived("worker1");
        let arrived: HashSet<_> = distinct(&arrived).into_iter().collect();
        wanted.iter().all(|line| arrived.contains(line))
    });
}

#[test]
fn received_names_cannot_leave_the_directory_of_the_hub() {
    if !have_rsyslog(false) {
        return;
    }
    let site = Site::new("TCP");
    let _hub = site.start("hub");
    let line = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"working"}"#;
    let long = "n".repeat(243);
    let refused = [
        ("../../up", "w_status.json"),
        ("..", "w_status.json"),
        ("a/b", "w_status.json"),
        ("-host", "w_status.json"),
        ("host", ".hidden_status.json"),
        ("host", "-f_status.json"),
        ("host", "a\u{1b}[31m_status.json"),
        ("host", "..\u{0}_status.json"),
        ("host", "authorized_keys"),
        ("host", ""),
        ("host", &format!("{long}_status.json")),
    ];
    let accepted = [
        ("host", "w_status.json"),
        ("host.example.org", "Ümläut 1_status.json"),
        ("h", &format!("{}_status.json", &long[..241])),
    ];
    let mut stream = TcpStream::connect(("127.0.0.1", site.port)).unwrap();
    for (host, file) in refused.iter().chain(&accepted) {
        let message = format!("<14>1 2026-02-14T20:35:00Z {host} sstat - - - {file}/{line}");
        write!(stream, "{} {message}", message.len()).unwrap();
    }
    // No slash, and not RFC 5424.
    write!(stream, "18 <14>1 - host s - -").unwrap();
    stream.flush().unwrap();
    let names: HashSet<_> = accepted
        .iter()
        .map(|(host, file)| format!("{host}:{file}"))
        .collect();
    let found = || -> HashSet<String> {
        let entries = fs::read_dir(site.path("hub")).unwrap().flatten();
        entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect()
    };
    eventually("the good names", || names.is_subset(&found()));
    eventually("the refusals", || {
        let log = fs::read_to_string(site.path("work-hub/refused")).unwrap_or_default();
        log.lines().count() == refused.len() + 1 && !log.contains('\u{1b}')
    });
    assert_eq!(found(), names);
    for name in &names {
        let content = fs::read_to_string(site.path("hub").join(name)).unwrap();
        assert_eq!(content, format!("{line}\n"));
    }
    // No file was created outside the directory.
    let mut entries: Vec<_> = fs::read_dir(site.sandbox.root())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    entries.sort();
    assert_eq!(
        entries,
        [
            "home",
            "hub",
            "hub.conf",
            "hub.log",
            "hub.pid",
            "sender.conf",
            "status",
            "tls",
            "work-hub",
            "work-sender"
        ]
    );
}
