//! Session names of hooks: their sources and owners.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fed;
use crate::support::{Ran, Sandbox, have};

#[cfg(unix)]
#[test]
fn name_sources_have_an_order() {
    let sandbox = Sandbox::new();
    let payload =
        json!({"hook_event_name": "Stop", "session_id": "b5f6c1c2-1", "cwd": "/srv/shop"})
            .to_string();
    let name = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = sandbox.command(["push", "--hook", "claude-code"]);
        command.args(arguments).envs(variables.iter().copied());
        let ran = fed(&mut command, payload.as_bytes());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let names = sandbox.sessions();
        for name in &names {
            std::fs::remove_file(sandbox.file(name)).unwrap();
        }
        names.join(" ")
    };
    assert_eq!(
        name(&["--session", "flag"], &[("SSTAT_SESSION", "variable")]),
        "flag"
    );
    assert_eq!(name(&[], &[("SSTAT_SESSION", "variable")]), "variable");
    assert_eq!(
        name(&[], &[("SSTAT_SESSION", "../team/w\n1")]),
        "_._team_w_1"
    );
    assert_eq!(name(&[], &[("SSTAT_SESSION", " ")]), "shop-b5f6c1");
    // An unknown pane, or tmux is not installed.
    assert_eq!(
        name(&[], &[("TMUX_PANE", "%424242"), ("TMUX", "/nowhere,1,0")]),
        "shop-b5f6c1"
    );
    assert_eq!(
        name(
            &[],
            &[
                ("TMUX_PANE", "%0"),
                ("TMUX", "/nowhere,1,0"),
                ("PATH", "/nowhere")
            ]
        ),
        "shop-b5f6c1"
    );
    // A tmux that does not respond.
    let fake = sandbox.home().join("tmux");
    crate::support::write_program(&fake, "#!/bin/sh\nexec sleep 1000\n");
    let path = format!("{}:/usr/bin:/bin", sandbox.home().display());
    assert_eq!(
        name(
            &[],
            &[
                ("TMUX_PANE", "%0"),
                ("TMUX", "/nowhere,1,0"),
                ("PATH", &path)
            ]
        ),
        "shop-b5f6c1"
    );
}

/// A tmux server with one session, whose pane prints its name.
struct Server<'a> {
    sandbox: &'a Sandbox,
    socket: PathBuf,
    /// The values of `TMUX` and `TMUX_PANE` in its pane.
    variables: [(&'static str, String); 2],
}

impl<'a> Server<'a> {
    fn new(sandbox: &'a Sandbox, name: &str, session: &str) -> Self {
        let mut server = Self {
            sandbox,
            socket: sandbox.root().join(name),
            variables: Default::default(),
        };
        let pane = format!("echo 'pane of {name}'; exec sleep 1000");
        let format = "#{socket_path},#{pid},0 #{pane_id}";
        let started = server.tmux(&["new-session", "-dPF", format, "-s", session, &pane]);
        let (tmux, pane) = started.split_once(' ').unwrap();
        server.variables = [("TMUX", tmux.to_owned()), ("TMUX_PANE", pane.to_owned())];
        server
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        self.sandbox.isolate(&mut command);
        command.args(["-f", "/dev/null", "-S"]).arg(&self.socket);
        let ran = Ran::from(command.args(arguments).output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        ran.stdout.trim().to_owned()
    }

    /// Runs a hook of an agent in the pane.
    fn hook(&self, event: &str, id: &str) {
        let payload = json!({"hook_event_name": event, "session_id": id, "cwd": "/srv/shop",
            "prompt": id, "reason": "other"});
        let mut command = self.sandbox.command(["push", "--hook", "claude-code"]);
        command.envs(self.variables.clone());
        let ran = fed(&mut command, payload.to_string().as_bytes());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    }

    /// Returns the line of `show --tmux` about the pane of a session.
    fn pane(&self, session: &str) -> String {
        let mut command = self.sandbox.command(["show", "--tmux", session]);
        command.envs(self.variables.clone());
        loop {
            let shown = Ran::from(command.output().unwrap()).stdout;
            let pane = shown.split("\nPane").nth(1).unwrap().trim();
            // On a busy machine, tmux may need longer.
            if pane != "tmux: no answer within 1 s" {
                return pane.to_owned();
            }
        }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        let _ = command
            .arg("-S")
            .arg(&self.socket)
            .arg("kill-server")
            .output();
    }
}

#[test]
fn name_of_the_tmux_session_is_used_until_the_agent_ends() {
    if !have("tmux") {
        return;
    }
    // In a directory with few sessions, their files are read before tmux is asked.
    for others in [0, 201] {
        let sandbox = Sandbox::with_real_clock();
        for number in 0..others {
            let line = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"idle"}"#;
            sandbox.write(&format!("other{number}"), line);
        }
        let agents_session = || {
            let mut sessions = sandbox.sessions();
            sessions.retain(|session| !session.starts_with("other"));
            sessions
        };
        let server = Server::new(&sandbox, "s", "team/worker 1");
        server.hook("SessionStart", "aaaaaa-1");
        assert_eq!(agents_session(), ["team_worker 1"]);
        // The name stays if tmux renames its session or has closed the pane.
        server.tmux(&["rename-session", "renamed"]);
        let mut own = sandbox.command(["push", "team/worker 1", "working"]);
        own.envs(server.variables.clone());
        assert!(own.status().unwrap().success());
        server.hook("UserPromptSubmit", "aaaaaa-1");
        assert_eq!(sandbox.last("team_worker 1")["message"], "aaaaaa-1");
        // Another session of the same process, as after /clear.
        server.hook("UserPromptSubmit", "bbbbbb-1");
        assert_eq!(sandbox.last("team_worker 1")["message"], "bbbbbb-1");
        server.tmux(&["kill-server"]);
        server.hook("SessionEnd", "bbbbbb-1");
        let last = sandbox.last("team_worker 1");
        assert_eq!(last["message"], "ended before its turn did");
        assert_eq!(agents_session(), ["team_worker 1"]);
    }
}

#[cfg(unix)]
#[test]
fn agent_with_a_session_does_not_ask_tmux() {
    let sandbox = Sandbox::with_real_clock();
    let (log, bin) = (sandbox.root().join("log"), sandbox.home().join("bin"));
    std::fs::create_dir(&bin).unwrap();
    let script = format!("#!/bin/sh\necho asked >> '{}'\necho s\n", log.display());
    crate::support::write_program(&bin.join("tmux"), &script);
    let hook = |event: &str, id: &str, pane: &str| {
        let payload = json!({"hook_event_name": event, "session_id": id, "prompt": id});
        let mut command = sandbox.command(["push", "--hook", "codex"]);
        let path = format!("{}:/usr/bin:/bin", bin.display());
        command.envs([("TMUX", "/x,1,0"), ("TMUX_PANE", pane), ("PATH", &path)]);
        let ran = fed(&mut command, payload.to_string().as_bytes());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let asked = std::fs::read_to_string(&log).unwrap_or_default();
        asked.lines().count()
    };
    assert_eq!(hook("SessionStart", "a", "%0"), 1);
    assert_eq!(hook("UserPromptSubmit", "a", "%0"), 1);
    assert_eq!(hook("PreToolUse", "a", "%0"), 1);
    assert_eq!(sandbox.sessions(), ["s"]);
    // Another pane, and the start of another agent.
    assert_eq!(hook("PreToolUse", "a", "%1"), 2);
    assert_eq!(hook("SessionStart", "b", "%0"), 3);
}

#[cfg(unix)]
#[test]
fn pane_of_the_last_update_is_shown() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::with_real_clock();
    let (one, two) = (
        Server::new(&sandbox, "one", "w"),
        Server::new(&sandbox, "two", "w"),
    );
    let wait_for = |server: &Server<'_>, session: &str, text: &str| {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !server.pane(session).ends_with(text) {
            assert!(Instant::now() < deadline, "{}", server.pane(session));
            thread::sleep(Duration::from_millis(20));
        }
    };
    // The pane of the hook, from either server, also after a rename.
    one.hook("UserPromptSubmit", "aaaaaa-1");
    wait_for(&one, "w", "pane of one");
    assert!(two.pane("w").ends_with("pane of one"));
    one.tmux(&["rename-session", "renamed"]);
    assert!(two.pane("w").ends_with("pane of one"));
    // The pane of a push.
    let mut push = sandbox.command(["push", "w", "working"]);
    assert!(push.envs(two.variables.clone()).status().unwrap().success());
    wait_for(&one, "w", "pane of two");
    // Without a pane: the session with the name in the server of the caller.
    sandbox.ok(["push", "w", "working"]);
    assert!(two.pane("w").ends_with("pane of two"));
    assert_eq!(one.pane("w"), "tmux: can't find session: w");
    // A later server with the same socket has a pane with the same id.
    one.tmux(&["rename-session", "w"]);
    one.hook("UserPromptSubmit", "aaaaaa-1");
    one.tmux(&["kill-server"]);
    assert!(two.pane("w").starts_with("tmux: "), "{}", two.pane("w"));
    let later = Server::new(&sandbox, "one", "w");
    assert_eq!(
        later.pane("w"),
        "tmux: the server of the session's pane has ended"
    );
    // The socket of someone else.
    let socket = sandbox.root().join("one");
    if std::os::unix::fs::chown(&socket, Some(12345), None).is_ok() {
        let refused = format!("tmux: {} is not a socket of this user", socket.display());
        assert_eq!(two.pane("w"), refused);
    }
    sandbox.write(
        "w",
        r#"{"timestamp":"2026-02-14T20:35:00Z","status":"idle","tmux":"x,1,%0"}"#,
    );
    assert_eq!(two.pane("w"), "tmux: invalid pane 'x,1,%0'");
}

/// Whichever of two agents writes first owns the name, and the other gets its own.
#[test]
#[cfg_attr(windows, ignore = "needs sh")]
fn agents_that_start_at_the_same_time_have_different_names() {
    let sandbox = Sandbox::with_real_clock();
    let mut agents = [(); 2].map(|()| Command::new("sleep").arg("1000").spawn().unwrap());
    for round in 0..20 {
        let barrier = Barrier::new(2);
        thread::scope(|scope| {
            for (agent, id) in agents.iter().zip(["aaaaaa-1", "bbbbbb-1"]) {
                let (sandbox, barrier) = (&sandbox, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let prompt = json!({"hook_event_name": "UserPromptSubmit", "prompt": id});
                    claude_in(sandbox, agent.id(), id, &prompt);
                });
            }
        });
        let names = sandbox.sessions();
        assert!(
            names.len() == 2 && names[0] == "w",
            "round {round}: {names:?}"
        );
        for name in names {
            assert_eq!(sandbox.updates(&name).len(), 1, "{name}");
            std::fs::remove_file(sandbox.file(&name)).unwrap();
        }
    }
    for agent in &mut agents {
        agent.kill().unwrap();
        agent.wait().unwrap();
    }
}

#[test]
fn session_keeps_its_name_in_another_directory() {
    let sandbox = Sandbox::new();
    let event = |agent: &str, payload: Value| {
        let mut command = sandbox.command(["push", "--hook", agent]);
        let ran = fed(&mut command, payload.to_string().as_bytes());
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
        ran.stderr
    };
    let id = "b5f6c1c2-8d1e-4c6b-9f43-444455556666";
    for (name, directory) in [
        ("SessionStart", "/srv/shop"),
        ("PreCompact", "/srv/shop/src"),
        ("Stop", "/tmp"),
    ] {
        event(
            "claude-code",
            json!({"hook_event_name": name, "session_id": id, "cwd": directory, "source": "startup"}),
        );
    }
    assert_eq!(sandbox.sessions(), ["shop-b5f6c1"]);
    // The ids of Codex begin with the time.
    let (first, second) = (
        "019fb560-de6b-7320-a070-5642753ded3d",
        "019fb560-de6b-7321-a070-5642753dedff",
    );
    event(
        "codex",
        json!({"hook_event_name": "SessionStart", "source": "startup", "session_id": first, "cwd": "/srv/shop"}),
    );
    event(
        "codex",
        json!({"hook_event_name": "SessionStart", "source": "startup", "session_id": second, "cwd": "/srv/shop"}),
    );
    event(
        "codex",
        json!({"type": "agent-turn-complete", "thread-id": first, "cwd": "/tmp"}),
    );
    assert_eq!(
        sandbox.sessions(),
        ["shop-3ded3d", "shop-3dedff", "shop-b5f6c1"]
    );
    assert_eq!(sandbox.last("shop-3ded3d")["status"], "completed");
    // Without `cwd`, the working directory of the hook is used.
    event(
        "gemini",
        json!({"hook_event_name": "AfterAgent", "session_id": "7c9e6679"}),
    );
    let own = sandbox
        .root()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let own = own.replacen('.', "_", 1);
    assert!(sandbox.file(&format!("{own}-7c9e66")).exists());
    // Without an id, the session has no name.
    let stderr = event(
        "gemini",
        json!({"hook_event_name": "AfterAgent", "cwd": "/srv/shop"}),
    );
    assert!(stderr.contains("session_id"), "{stderr}");
}

/// Runs a hook of Claude Code in an agent process with this pid.
fn claude_in(sandbox: &Sandbox, pid: u32, id: &str, payload: &Value) {
    let mut payload = payload.clone();
    payload["session_id"] = json!(id);
    let mut command = sandbox.command(["push", "--hook", "claude-code"]);
    command.envs([
        ("CLAUDE_PID", pid.to_string().as_str()),
        ("SSTAT_SESSION", "w"),
    ]);
    let ran = fed(&mut command, payload.to_string().as_bytes());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
#[cfg_attr(windows, ignore = "needs sh")]
fn process_of_the_agent_is_recorded() {
    let sandbox = Sandbox::with_real_clock();
    let mut agent = Command::new("sleep").arg("1000").spawn().unwrap();
    let prompt = json!({"hook_event_name": "UserPromptSubmit", "prompt": "Go"});
    claude_in(&sandbox, agent.id(), "a1", &prompt);
    assert_eq!(sandbox.last("w")["process"]["pid"], agent.id());
    assert_eq!(sandbox.last("w")["run"], "a1");
    let end = json!({"hook_event_name": "SessionEnd", "reason": "logout"});
    claude_in(&sandbox, agent.id(), "a1", &end);
    agent.kill().unwrap();
    agent.wait().unwrap();
    // An ended session is not dead.
    assert!(sandbox.last("w").get("process").is_none());
    assert_eq!(
        sandbox.json(["summary", "--json"])["dead_sessions"],
        json!([])
    );
    // Without CLAUDE_PID: the nearest ancestor that is not a shell.
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    shell.args(["-c", "sstat push --hook codex --session w2; true"]);
    let ran = fed(
        &mut shell,
        b"{\"hook_event_name\":\"Stop\",\"session_id\":\"a2\"}",
    );
    assert_eq!(ran.code, 0);
    assert_eq!(sandbox.last("w2")["process"]["pid"], std::process::id());
}

#[test]
#[cfg_attr(windows, ignore = "needs sh")]
fn agent_owns_its_name_until_it_ends() {
    let sandbox = Sandbox::with_real_clock();
    let mut owner = Command::new("sh")
        .args(["-c", "sleep 1000 & echo $!; wait"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(owner.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    let nested: u32 = line.trim().parse().unwrap();
    let mut unrelated = Command::new("sleep").arg("1000").spawn().unwrap();
    let event = |pid: u32, id: &str, name: &str| {
        claude_in(
            &sandbox,
            pid,
            id,
            &json!({"hook_event_name": name, "prompt": id, "reason": "other"}),
        );
    };
    event(owner.id(), "aaaaaa-1", "UserPromptSubmit");
    // A nested agent and the end of an earlier session are ignored.
    event(nested, "bbbbbb-1", "Stop");
    event(unrelated.id(), "cccccc-1", "SessionEnd");
    assert_eq!(sandbox.last("w")["message"], "aaaaaa-1");
    // Another agent gets a name of its own and keeps it.
    event(unrelated.id(), "dddddd-1", "UserPromptSubmit");
    assert_eq!(sandbox.last("w")["message"], "aaaaaa-1");
    assert_eq!(sandbox.last("w-dddddd")["message"], "dddddd-1");
    // The same process takes over, as after /clear.
    event(owner.id(), "eeeeee-1", "UserPromptSubmit");
    assert_eq!(sandbox.last("w")["message"], "eeeeee-1");
    for child in [nested, owner.id()] {
        Command::new("kill")
            .arg("-9")
            .arg(child.to_string())
            .status()
            .unwrap();
    }
    owner.wait().unwrap();
    event(unrelated.id(), "ffffff-1", "UserPromptSubmit");
    assert_eq!(sandbox.last("w")["message"], "ffffff-1");
    event(unrelated.id(), "dddddd-1", "Stop");
    assert_eq!(sandbox.last("w-dddddd")["status"], "completed");
    assert_eq!(sandbox.sessions(), ["w", "w-dddddd"]);
    unrelated.kill().unwrap();
    unrelated.wait().unwrap();
}

#[test]
#[cfg_attr(windows, ignore = "reads /proc")]
fn completed_is_idle_inside_a_wrapped_run() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok([
        "push",
        "x",
        "working",
        "--pid",
        &std::process::id().to_string(),
    ]);
    let this = &sandbox.last("x")["process"];
    let boot = this["boot_id"].as_str().unwrap();
    let run = format!("{}-{}-{boot}", this["pid"], this["start_time"]);
    let event = |run: &str, name: &str| {
        let mut command = sandbox.command(["push", "--hook", "claude-code", "--session", "w"]);
        let payload = json!({"hook_event_name": name, "error": "rate_limit", "session_id": "a1",
            "last_assistant_message": "Text"});
        let ran = fed(
            command.env("SSTAT_RUN", run),
            payload.to_string().as_bytes(),
        );
        assert_eq!(ran.code, 0);
        sandbox.last("w")
    };
    let last = event(&run, "Stop");
    assert_eq!(
        (&last["status"], &last["message"]),
        (&json!("idle"), &json!("Text"))
    );
    assert_eq!(last["wrapper"], run);
    let last = event(&run, "StopFailure");
    assert_eq!(last["metadata"]["error_kind"], "rate_limit");
    assert_eq!(last["status"], "idle");
    // The end of the agent keeps its reason and names the wrapper, which still runs.
    let last = event(&run, "SessionEnd");
    assert_eq!(
        (&last["status"], &last["message"]),
        (&json!("idle"), &json!("Text"))
    );
    assert_eq!(last["metadata"]["error_kind"], "rate_limit");
    assert_eq!(last["process"]["pid"], std::process::id());
    assert!(last.get("stale_after").is_none());
    // A later agent of the run takes over.
    let next = json!({"hook_event_name": "UserPromptSubmit", "session_id": "next", "prompt": "Go"});
    let mut command = sandbox.command(["push", "--hook", "claude-code", "--session", "w"]);
    let ran = fed(command.env("SSTAT_RUN", &run), next.to_string().as_bytes());
    assert_eq!(ran.code, 0);
    assert_eq!(sandbox.last("w")["message"], "Go");
    // A run that another process exported is ignored.
    assert_eq!(event("1-1-boot", "Stop")["status"], "completed");
}

/// A tmux server that a wrapped command starts passes its variables to all panes.
#[test]
fn variables_of_another_wrapped_command_are_ignored() {
    let sandbox = Sandbox::new();
    let event = |id: &str, run: Option<&str>| {
        let mut command = sandbox.command(["push", "--hook", "claude-code"]);
        command.env("SSTAT_SESSION", "w");
        command.envs(run.map(|run| ("SSTAT_RUN", run)));
        let payload = json!({"hook_event_name": "UserPromptSubmit", "session_id": id,
            "cwd": "/srv/shop", "prompt": id});
        assert_eq!(fed(&mut command, payload.to_string().as_bytes()).code, 0);
    };
    event("aaaaaa-1", Some("1-1-boot"));
    assert_eq!(sandbox.sessions(), ["shop-aaaaaa"]);
    // An agent whose wrapper was killed keeps its name.
    event("bbbbbb-1", None);
    event("bbbbbb-1", Some("1-1-boot"));
    assert_eq!(sandbox.sessions(), ["shop-aaaaaa", "w"]);
}

#[test]
fn clear_ends_a_session_that_is_named_by_its_id() {
    let sandbox = Sandbox::new();
    let event = |name: &str, id: &str| {
        let mut command = sandbox.command(["push", "--hook", "auto"]);
        let payload = json!({"hook_event_name": name, "session_id": id, "cwd": "/srv/shop",
            "prompt": "Go", "reason": "clear", "source": "clear",
            "transcript_path": "/home/ada/.claude/projects/x.jsonl"});
        assert_eq!(fed(&mut command, payload.to_string().as_bytes()).code, 0);
    };
    event("UserPromptSubmit", "aaaaaa-1");
    event("SessionEnd", "aaaaaa-1");
    event("SessionStart", "bbbbbb-1");
    let last = sandbox.last("shop-aaaaaa");
    assert_eq!(last["message"], "session ended");
    assert_eq!(last["metadata"]["agent"], "claude-code");
    assert_eq!(sandbox.last("shop-bbbbbb")["status"], "idle");
}

#[test]
fn hook_in_an_alert_command_does_not_use_its_session() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(["push", "--hook", "claude-code"]);
    command.envs([("SSTAT_EVENT", "error"), ("SSTAT_SESSION", "w")]);
    let payload = json!({"hook_event_name": "Stop", "session_id": "abc", "cwd": "/srv/shop"});
    assert_eq!(fed(&mut command, payload.to_string().as_bytes()).code, 0);
    assert_eq!(sandbox.sessions(), ["shop-abc"]);
}
