//! Draws the screen with ratatui's widgets.

mod bars;
mod detail;
mod group;
mod paint;
mod table;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style as CellStyle;
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Clear, List, ListState};

pub use self::paint::Painter;
use self::paint::draw_lines;
use crate::render::style::{Role, Span};
use crate::tui::keys::{HELP, Mode};
use crate::tui::model::{Areas, Screen};

/// From this width on, the detail is beside the table.
const WIDE: u16 = 120;

/// Below this height, the detail replaces the table.
const LOW: u16 = 16;

/// The columns of the list of columns.
const CHOOSER: u16 = 32;

/// Draws the whole screen.
pub fn draw(frame: &mut Frame, screen: &mut Screen, painter: &Painter) {
    screen.areas = Areas::default();
    let area = frame.area();
    // A terminal of one line shows the counts.
    let bottom = Constraint::Length(u16::from(area.height > 1));
    let rows = Layout::vertical([Constraint::Length(1), Constraint::Fill(1), bottom]);
    let [top, middle, bottom] = rows.areas(area);
    bars::draw_top(frame, top, painter, screen);
    if screen.mode == Mode::Help {
        draw_help(frame, middle, painter, screen);
    } else {
        draw_middle(frame, middle, painter, screen);
        if screen.mode == Mode::Columns {
            draw_chooser(frame, middle, painter, screen);
        }
    }
    bars::draw_bottom(frame, bottom, painter, screen);
}

/// Draws the table and the detail.
fn draw_middle(frame: &mut Frame, area: Rect, painter: &Painter, screen: &mut Screen) {
    if !screen.is_pane_open {
        return table::draw(frame, area, painter, screen);
    }
    let (areas, border): ([Rect; 2], _) = if area.width >= WIDE {
        let width = (area.width * 2 / 5).min(100);
        let columns = Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]);
        (columns.spacing(1).areas(area), Borders::LEFT)
    } else if area.height >= LOW {
        let height = area.height * 2 / 3;
        let rows = Layout::vertical([Constraint::Fill(1), Constraint::Length(height)]);
        (rows.areas(area), Borders::TOP)
    } else {
        // Page Up and Page Down still move by the height of the table.
        screen.set_page(usize::from(area.height.saturating_sub(1)));
        return detail::draw(frame, area, painter, screen, Borders::TOP);
    };
    table::draw(frame, areas[0], painter, screen);
    detail::draw(frame, areas[1], painter, screen, border);
}

/// Draws the keys and their actions.
fn draw_help(frame: &mut Frame, area: Rect, painter: &Painter, screen: &mut Screen) {
    let rows = || HELP.lines().filter_map(|line| line.split_once("  "));
    let keys = rows().map(|(key, _)| key.len()).max().unwrap_or(0);
    let heading = Line::from(painter.span(Role::Heading, "  Keys"));
    let mut lines = vec![heading, Line::default()];
    for (key, action) in rows() {
        let label = painter.span(Role::Heading, format!("  {key}"));
        let action = [Span::plain(action)];
        let width = usize::from(area.width);
        lines.extend(painter.labelled(label, 2 + keys + 2, &action, width));
    }
    draw_lines(frame, area, painter, &lines, &mut screen.place);
}

/// Draws the columns to choose from, over the right end of the table.
fn draw_chooser(frame: &mut Frame, area: Rect, painter: &Painter, screen: &Screen) {
    let [_, area] = Layout::horizontal([Constraint::Fill(1), Constraint::Max(CHOOSER)]).areas(area);
    let items = screen.choosable.iter().map(|column| {
        let is_shown = screen.choice.columns.contains(column);
        let mark = if is_shown { "x" } else { " " };
        let name = painter.fit(
            &column.to_string(),
            usize::from(area.width).saturating_sub(6),
        );
        format!(" [{mark}] {name} ")
    });
    let list = List::new(items)
        .block(Block::new().title_top(painter.span(Role::Heading, " Columns")))
        .scroll_padding(usize::from(area.height) / 3)
        .highlight_style(CellStyle::new().reversed());
    frame.render_widget(Clear, area);
    let mut state = ListState::default().with_selected(Some(screen.place));
    frame.render_stateful_widget(list, area, &mut state);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use chrono::{DateTime, TimeDelta, Utc};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;
    use ratatui::style::{Color, Modifier};
    use sstat::{HealthRules, ProcessState, Session, StatusSince, Thresholds, Update};
    use unicode_width::UnicodeWidthStr;

    use crate::render::style::{Palette, Style};
    use crate::tui::keys::{Action, HELP, LAST};
    use crate::tui::rows::Only;
    use crate::view::column::Column;
    use crate::view::group::GroupBy;
    use crate::watch::session_table::SessionTable;

    const SIZES: [(u16, u16); 4] = [(40, 10), (80, 24), (120, 40), (300, 80)];

    fn now() -> DateTime<Utc> {
        sstat::parse_timestamp("2026-02-14T20:35:00Z").unwrap()
    }

    fn session(name: &str, status: &str, age: i64, keys: &str) -> Session {
        let then = (now() - TimeDelta::seconds(age)).to_rfc3339();
        let line = format!(r#"{{"timestamp":"{then}","status":"{status}"{keys}}}"#);
        let mut update = Update::decode(line.as_bytes()).unwrap();
        update.session = name.to_owned();
        HealthRules::new(now(), Thresholds::default()).evaluate(update)
    }

    fn sessions() -> Vec<Session> {
        vec![
            session(
                "manager1",
                "working",
                12,
                r#","progress":0.45,"task_id":"160","message":"Querying the database""#,
            ),
            session(
                "worker2",
                "blocked",
                3700,
                r#","task_id":"161","message":"Needs a review""#,
            ),
            session(
                "worker10",
                "error",
                70,
                r#","progress":0.6,"message":"cargo test: 3 failed""#,
            ),
            session(
                "研究者一号",
                "working",
                372,
                r#","progress":0.5,"message":"日本語 👩‍💻⚠️ wide""#,
            ),
            session("idler", "idle", 200, r#","message":"Waiting for tasks""#),
        ]
    }

    /// A screen and its session table.
    struct Scene {
        screen: Screen,
        table: SessionTable,
    }

    impl Scene {
        fn new(sessions: impl IntoIterator<Item = Session>) -> Self {
            let mut table = SessionTable::default();
            for session in sessions {
                table.snapshot(
                    &Default::default(),
                    session.update,
                    None,
                    ProcessState::Unknown,
                    now(),
                );
            }
            let screen = Screen::new(now());
            let mut scene = Self { screen, table };
            scene.refresh();
            scene
        }

        fn refresh(&mut self) {
            self.screen.refresh(&self.table, |_| true);
        }

        fn act(&mut self, action: Action) {
            self.screen.act(action, &self.table);
            self.refresh();
        }

        fn draw(&mut self, terminal: &mut Terminal<TestBackend>, style: &Style) {
            terminal
                .draw(|frame| {
                    let painter = Painter {
                        style,
                        table: &self.table,
                        empty: "no sessions in here",
                    };
                    draw(frame, &mut self.screen, &painter);
                })
                .unwrap();
        }

        fn drawn(&mut self, (width, height): (u16, u16), style: &Style) -> Buffer {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            self.draw(&mut terminal, style);
            terminal.backend().buffer().clone()
        }
    }

    const STYLE: Style = Style {
        color: Some(Palette::Xterm),
        width: None,
        unicode: true,
    };

    fn lines(buffer: &Buffer) -> Vec<String> {
        let width = usize::from(buffer.area.width);
        let mut skip = 0;
        let rows = buffer.content.chunks(width).map(|row| {
            let mut line = String::new();
            for cell in row {
                // A wide character covers the cell behind it.
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                line += cell.symbol();
                skip = cell.symbol().width().saturating_sub(1);
            }
            line.trim_end().to_owned()
        });
        rows.collect()
    }

    #[test]
    fn each_size_shows_the_most_important_data() {
        for size in SIZES {
            let buffer = Scene::new(sessions()).drawn(size, &STYLE);
            let lines = lines(&buffer);
            assert_eq!(lines.len(), usize::from(size.1));
            assert!(lines[0].starts_with(" 5"), "{size:?}: {}", lines[0]);
            assert!(lines[0].contains("1 error"), "{size:?}: {}", lines[0]);
            assert!(lines[1].starts_with("  SESSION"), "{size:?}: {}", lines[1]);
            assert!(lines[2].starts_with("› worker10"), "{size:?}: {}", lines[2]);
            assert!(lines[2].contains("error"), "{size:?}: {}", lines[2]);
            let last = lines.last().unwrap();
            assert!(last.starts_with(" q quit"), "{size:?}: {last}");
            assert!(last.ends_with(" ? help"), "{size:?}: {last}");
        }
    }

    #[test]
    fn low_terminal_shows_the_first_session() {
        let mut scene = Scene::new(sessions());
        for height in 1..5 {
            let lines = lines(&scene.drawn((80, height), &STYLE));
            let shows = |start: &str| lines.iter().any(|line| line.starts_with(start));
            assert!(shows(" 5 sessions"), "{lines:?}");
            assert_eq!(shows("› worker10"), height > 2, "{lines:?}");
            assert_eq!(shows("  SESSION"), height > 3, "{lines:?}");
            assert_eq!(
                lines[usize::from(height) - 1].contains("? help"),
                height > 1
            );
        }
    }

    #[test]
    fn heading_of_groups_is_not_truncated() {
        let mut scene = Scene::new([session("w", "idle", 9, "")]);
        scene.act(Action::Show(Only::Attention));
        scene.screen.choice.by = Some(GroupBy::Column(Column::Directory));
        scene.act(Action::Show(Only::All));
        let expected = ["  DIRECTORY", "› ▸ (none)  1  1 idle"];
        assert_drawn(&scene.drawn((80, 24), &STYLE), &expected);
    }

    fn assert_drawn(buffer: &Buffer, expected: &[&str]) {
        let lines = lines(buffer);
        let end = lines.iter().rposition(|line| !line.is_empty());
        // The last line has been looked at elsewhere, the clock is local.
        let table = &lines[1..end.unwrap_or(1)];
        let table: Vec<&str> = table.iter().map(String::as_str).collect();
        let table = table.split(|line| line.is_empty()).next().unwrap();
        assert_eq!(table, expected, "{}", lines.join("\n"));
    }

    #[test]
    fn columns_depend_on_the_width() {
        let mut scene = Scene::new(sessions());
        let begun = StatusSince::new(now() - TimeDelta::hours(26), false);
        scene.table.set_since("worker10", Some(begun));
        assert_drawn(
            &scene.drawn((40, 10), &STYLE),
            &[
                "  SESSION    STATUS     AGE PROG",
                "› worker10   error    1m10s  60%",
                "  worker2    blocked   1h1m",
                "  研究者一号 stale    6m12s  50%",
                "  idler      idle     3m20s",
                "  manager1   working    12s  45%",
            ],
        );
        assert_drawn(
            &scene.drawn((80, 24), &STYLE),
            &[
                "  SESSION     STATUS      FOR     AGE  PROGRESS     TASK  MESSAGE",
                "› worker10    error     >1d2h   1m10s  ███░░░  60%        cargo test: 3 failed",
                "  worker2     blocked            1h1m               161   Needs a review",
                "  研究者一号  stale             6m12s  ███░░░  50%        日本語 👩💻⚠ wide",
                "  idler       idle              3m20s                     Waiting for tasks",
                "  manager1    working             12s  ██░░░░  45%  160   Querying the database",
            ],
        );
        assert_drawn(
            &scene.drawn((120, 40), &STYLE),
            &[
                "  SESSION     STATUS                 FOR     AGE  PROGRESS         TASK  MESSAGE",
                "› worker10    error                >1d2h   1m10s  ██████░░░░  60%        cargo test: 3 failed",
                "  worker2     blocked very stale            1h1m                   161   Needs a review",
                "  研究者一号  working stale                6m12s  █████░░░░░  50%        日本語 👩💻⚠ wide",
                "  idler       idle                         3m20s                         Waiting for tasks",
                "  manager1    working                        12s  ████░░░░░░  45%  160   Querying the database",
            ],
        );
    }

    #[test]
    fn screen_works_without_color_and_unicode() {
        let style = Style {
            color: None,
            unicode: false,
            ..STYLE
        };
        let plain = || {
            sessions()
                .into_iter()
                .filter(|session| session.name().is_ascii())
        };
        let mut scene = Scene::new(plain());
        for mode in [None, Some(Action::Enter), Some(Action::Help)] {
            if let Some(action) = mode {
                scene.act(action);
            }
            for size in SIZES {
                let buffer = scene.drawn(size, &style);
                let cells = &buffer.content;
                assert!(
                    cells.iter().all(|cell| cell.symbol().is_ascii()),
                    "{size:?}"
                );
                assert!(cells.iter().all(|cell| cell.fg == Color::Reset), "{size:?}");
                // The cursor's row is known without them.
                let reversed =
                    |cell: &ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED);
                let table = mode.is_none();
                assert!(!table || cells.iter().any(reversed), "{size:?}");
            }
        }
        let buffer = Scene::new(sessions()).drawn((80, 24), &STYLE);
        let red = |cell: &&ratatui::buffer::Cell| cell.fg == Color::Indexed(160);
        let error: String = buffer.content[160..240]
            .iter()
            .filter(red)
            .map(|cell| cell.symbol())
            .collect();
        assert!(error.starts_with("error"), "{error}");
    }

    #[test]
    fn detail_is_beside_below_or_in_place_of_the_table() {
        let mut scene = Scene::new(sessions());
        scene.act(Action::Enter);
        scene.screen.detail = Some(Box::new(detail()));
        let text = |scene: &mut Scene, size| lines(&scene.drawn(size, &STYLE));
        let wide = text(&mut scene, (120, 40));
        assert!(wide[1].contains("SESSION") && wide[1].contains("│ worker10"));
        let tall = text(&mut scene, (80, 24));
        assert!(tall[1].contains("SESSION"));
        assert!(tall.iter().any(|line| line.starts_with("─────")));
        let place = |text: &[String], label: &str| {
            text.iter()
                .position(|line| line.contains(label))
                .unwrap_or(usize::MAX)
        };
        for shown in [&wide, &tall] {
            let labels = ["Status ", "Progress ", "ETA ", "Metadata ", "Last updates"];
            let places = labels.map(|label| place(shown, label));
            assert!(places.is_sorted() && places[4] < 40, "{places:?}");
            assert!(shown[place(shown, "ETA ")].contains("in 25m to 40m"));
            assert!(shown[place(shown, "Progress ")].contains("▃▅"));
            assert!(shown[place(shown, "Metadata ")].contains("phase = one"));
        }
        let low = text(&mut scene, (40, 10));
        assert_eq!(place(&low, "SESSION"), usize::MAX);
        assert_eq!(low[2], " worker10");
        assert_eq!(place(&low, "Last updates"), usize::MAX);
        // The rest of it is a few keys away.
        for _ in 0..30 {
            scene.act(Action::MoveDetail(1));
        }
        let low = text(&mut scene, (40, 10));
        assert_ne!(place(&low, "Last updates"), usize::MAX);
        assert_ne!(place(&low, "cargo test:"), usize::MAX);
    }

    #[test]
    fn updates_in_the_detail_are_truncated_to_its_width() {
        let mut scene = Scene::new(sessions());
        scene.act(Action::Enter);
        scene.screen.detail = Some(Box::new(detail()));
        let mut update = |width: u16| {
            let text = lines(&scene.drawn((width, 60), &STYLE));
            let title = text.iter().position(|line| line.contains("Last updates"));
            text[title.unwrap() + 1].clone()
        };
        let whole = update(80);
        assert!(whole.ends_with("error      60%  cargo test: 3 failed"));
        // A blank column on both sides.
        let least = u16::try_from(whole.width()).unwrap() + 1;
        assert_eq!(update(least), whole);
        for width in 20..least {
            let cut = update(width);
            let kept = cut.strip_suffix('…').unwrap();
            assert!(whole.starts_with(kept), "{width}: {cut}");
            assert_eq!(cut.width(), usize::from(width) - 1);
        }
        let style = Style {
            unicode: false,
            ..STYLE
        };
        let ascii = lines(&scene.drawn((least - 1, 60), &style));
        assert!(ascii.iter().any(|line| line.ends_with("3 fail~")));
    }

    fn detail() -> crate::view::Detail {
        let updates = [
            session(
                "worker10",
                "working",
                1000,
                r#","progress":0.3,"message":"begun""#,
            ),
            session(
                "worker10",
                "error",
                70,
                r#","progress":0.6,"message":"cargo test: 3 failed","metadata":{"phase":"one"}"#,
            ),
        ];
        let [first, last] = updates;
        crate::view::Detail {
            now: now(),
            progress: vec![(first.update.timestamp, 0.3), (last.update.timestamp, 0.6)],
            remaining: Some(crate::view::Remaining {
                soonest: Duration::from_secs(1500),
                latest: Duration::from_secs(2400),
            }),
            recent: vec![first.update, last.update.clone()],
            pane: None,
            path: "/status/worker10_status.json".into(),
            session: last,
        }
    }

    #[test]
    fn any_size_and_any_text_is_drawn() {
        let hostile = "\u{1b}[2J\u{202e}\u{9b}31m\u{200b}\n\r\t\u{7f}日👩‍💻e\u{301}";
        let mut all = sessions();
        let json = serde_json::to_string(hostile).unwrap();
        let mut nasty = session(
            "x",
            "error",
            -999,
            &format!(r#","message":{json},"task_id":{json},"metadata":{{{json}:{json}}}"#),
        );
        nasty.update.session = hostile.repeat(5);
        all.push(nasty);
        let mut scene = Scene::new(all);
        let modes = [
            Action::Enter,
            Action::StartFilter,
            Action::Type('x'),
            Action::Accept,
            Action::Help,
            Action::Back,
            Action::Back,
            Action::Back,
            // The key of the metadata is above the last column, the message.
            Action::ChooseColumns,
            LAST,
            Action::Move(-1),
            Action::ToggleColumn,
            Action::NextSort,
            Action::Back,
            Action::NextGrouping,
            Action::NextGrouping,
            Action::Enter,
            Action::NextGrouping,
            Action::NextGrouping,
        ];
        for mode in modes {
            scene.act(mode);
            for width in [0, 1, 2, 5, 13, 29, 80, 120] {
                for height in [0, 1, 2, 5, 11, 17] {
                    let buffer = scene.drawn((width, height), &STYLE);
                    let control = |cell: &ratatui::buffer::Cell| {
                        cell.symbol().contains(sstat::is_unprintable)
                    };
                    assert!(!buffer.content.iter().any(control), "{width}x{height}");
                }
            }
        }
        let key = scene.screen.choice.by.map(|by| by.to_string());
        assert_eq!(key, Some(format!("meta.{hostile}")));
    }

    #[test]
    fn help_names_each_key_and_scrolls() {
        let mut scene = Scene::new(sessions());
        scene.act(Action::Help);
        let wide = lines(&scene.drawn((80, 24), &STYLE)).join("\n");
        for (keys, _) in HELP.lines().filter_map(|line| line.split_once("  ")) {
            assert!(wide.contains(keys), "{keys}\n{wide}");
        }
        for action in [Action::Back, Action::Show(Only::Attention), Action::Help] {
            scene.act(action);
        }
        let top = lines(&scene.drawn((40, 10), &STYLE));
        assert_eq!(top[9], " j/k scroll  Esc back  q quit");
        scene.act(Action::Move(100));
        let end = lines(&scene.drawn((40, 10), &STYLE)).join("\n");
        assert!(
            top[1].contains("Keys") && end.contains("q, Ctrl-c"),
            "{end}"
        );
    }

    #[test]
    fn filter_of_any_length_shows_its_end() {
        let mut scene = Scene::new(sessions());
        scene.act(Action::StartFilter);
        for length in [100, usize::from(u16::MAX), 100_000] {
            scene.screen.choice.filter = "x".repeat(length);
            let last = lines(&scene.drawn((80, 24), &STYLE)).pop().unwrap();
            assert_eq!(&last[..79], "x".repeat(79));
        }
    }

    #[test]
    fn page_of_ten_thousand_sessions_is_shown() {
        let many = (0..10_000).map(|number| {
            session(
                &format!("w{number}"),
                "working",
                number % 250,
                r#","progress":0.5,"message":"m""#,
            )
        });
        let mut scene = Scene::new(many);
        scene.act(LAST);
        let text = lines(&scene.drawn((80, 24), &STYLE));
        assert!(text[0].starts_with(" 10000 sessions  10000 working"));
        assert!(text[22].starts_with("› w9999"), "{}", text[22]);
        assert!(text[1].ends_with("9980-10000 of 10000"), "{}", text[1]);
        scene.act(Action::MovePages(-1));
        let text = lines(&scene.drawn((80, 24), &STYLE));
        assert!(text[2].starts_with("› w9978"), "{}", text[2]);
    }

    /// Prints how long a frame takes:
    /// `cargo test --release --bin sstat frame_time -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement without assertions"]
    fn frame_time() {
        for count in [39, 10_000, 100_000] {
            let statuses = ["working", "idle", "blocked", "error", "completed"];
            let many = (0..count).map(|number: i64| {
                let keys = format!(r#","progress":0.5,"task_id":"{}","message":"step {number} of many more to come""#, number % 50);
                session(&format!("worker{number}"), statuses[number as usize % 5], number % 1000, &keys)
            });
            let mut scene = Scene::new(many);
            let mut terminal = Terminal::new(TestBackend::new(300, 80)).unwrap();
            let mut time = |what: &str, change: &dyn Fn(&mut Scene, i64)| {
                let mut times: Vec<Duration> = (0..41)
                    .map(|round| {
                        let start = std::time::Instant::now();
                        change(&mut scene, round);
                        scene.refresh();
                        scene.draw(&mut terminal, &STYLE);
                        start.elapsed()
                    })
                    .collect();
                times.sort();
                println!(
                    "{count:6} sessions, 300x80, {what}: median {:?}, worst {:?}",
                    times[20], times[40]
                );
            };
            time("a key", &|scene, _| scene.act(Action::Move(1)));
            time("an update", &|scene, round| {
                let update = session("worker7", "working", 100 - round, "").update;
                let mut events = Vec::new();
                let process = ProcessState::Unknown;
                scene
                    .table
                    .update(&Default::default(), update, process, now(), &mut events);
                scene.screen.observe(&events[0]);
            });
            time("a second later", &|scene, round| {
                let now = now() + TimeDelta::seconds(round);
                scene.screen.tick(now);
            });
            time("a letter of the filter", &|scene, round| {
                scene.act(match round % 2 {
                    0 => Action::Type('s'),
                    _ => Action::Erase,
                });
            });
        }
    }
}
