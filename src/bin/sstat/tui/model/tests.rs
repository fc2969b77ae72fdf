use super::*;
use crate::tui::keys::LAST;
use crate::watch::event::EventKind;
use chrono::TimeDelta;
use sstat::{ProcessState, StatusSince, Update};

fn now() -> DateTime<Utc> {
    sstat::parse_timestamp("2026-02-14T20:35:00Z").unwrap()
}

/// A screen and its session table.
struct Scene {
    screen: Screen,
    table: SessionTable,
}

impl Scene {
    fn new() -> Self {
        let mut scene = Self {
            screen: Screen::new(now()),
            table: SessionTable::default(),
        };
        scene.put("w1", "working", 10);
        scene.put("w2", "working", 400);
        scene.put("w10", "idle", 20);
        scene.put("w3", "blocked", 30);
        scene.put("w4", "error", 40);
        scene.put("w5", "error", 50);
        scene
    }

    fn put(&mut self, name: &str, status: &str, age: i64) {
        self.put_with(name, status, age, "");
    }

    fn put_with(&mut self, name: &str, status: &str, age: i64, keys: &str) {
        let then = (now() - TimeDelta::seconds(age)).to_rfc3339();
        let line = format!(
            r#"{{"timestamp":"{then}","status":"{status}","message":"says {name}","task_id":"t{age}"{keys}}}"#
        );
        let mut update = Update::decode(line.as_bytes()).unwrap();
        update.session = name.to_owned();
        self.change(|table, events| {
            table.update(
                &Default::default(),
                update,
                ProcessState::Unknown,
                now(),
                events,
            )
        });
    }

    fn remove(&mut self, name: &str) {
        self.change(|table, events| {
            let removed = table.remove(name, now()).unwrap();
            events.push(Event::new(EventKind::Removed, now(), &removed));
        });
    }

    fn change(&mut self, change: impl FnOnce(&mut SessionTable, &mut Vec<Event>)) {
        let mut events = Vec::new();
        change(&mut self.table, &mut events);
        for event in &events {
            self.screen.observe(event);
        }
        self.refresh();
    }

    fn refresh(&mut self) {
        self.screen.refresh(&self.table, |_| true);
    }

    fn act(&mut self, actions: &[Action]) {
        for &action in actions {
            let effect = self.screen.act(action, &self.table);
            assert!(matches!(effect, None | Some(Action::Pause)), "{action:?}");
            self.refresh();
        }
    }

    fn names(&mut self) -> Vec<&str> {
        self.screen.set_page(100);
        let rows = self.screen.visible_rows().iter();
        rows.map(|row| match row.session {
            Some(index) => self.table.get(index).unwrap().name(),
            None => self.screen.group(*row).unwrap().name.as_str(),
        })
        .collect()
    }

    fn selected(&self) -> Option<&str> {
        self.screen.selected_session(&self.table).map(Session::name)
    }
}

#[test]
fn urgent_sessions_come_first() {
    let mut scene = Scene::new();
    let order = ["w5", "w4", "w3", "w2", "w1", "w10"];
    assert_eq!(scene.names(), order);
    scene.act(&[Action::Show(Only::Attention)]);
    assert_eq!(scene.names(), order[..4]);
    assert_eq!(scene.screen.rows.stale, 1);
}

#[test]
fn rows_are_sorted_and_reversed() {
    let mut scene = Scene::new();
    scene.act(&[Action::NextSort]);
    assert_eq!(scene.screen.choice.sort, Some(Column::Session));
    assert_eq!(scene.names(), ["w1", "w2", "w3", "w4", "w5", "w10"]);
    scene.act(&[Action::Reverse]);
    assert_eq!(scene.names(), ["w10", "w5", "w4", "w3", "w2", "w1"]);
    scene.act(&[Action::NextSort; 3]);
    assert_eq!(scene.screen.order_in_words(), "age");
    assert_eq!(scene.names(), ["w2", "w5", "w4", "w3", "w10", "w1"]);
    scene.act(&[Action::NextSort, Action::NextSort]);
    assert_eq!(scene.names(), ["w1", "w10", "w3", "w4", "w5", "w2"]);
}

#[test]
fn filter_searches_all_that_a_row_shows() {
    let mut scene = Scene::new();
    scene.act(&[Action::StartFilter]);
    for (typed, left) in [('S', 6), ('t', 1), ('a', 1), ('l', 1), ('e', 1)] {
        scene.act(&[Action::Type(typed)]);
        assert_eq!(scene.screen.rows.found, left, "{typed}");
    }
    assert_eq!(scene.names(), ["w2"]);
    scene.act(&[Action::EraseWord, Action::Accept]);
    assert_eq!(
        (scene.screen.mode, scene.screen.rows.found),
        (Mode::Browse, 6)
    );
    scene.act(&[Action::StartFilter]);
    for typed in "error says t40".chars() {
        scene.act(&[Action::Type(typed)]);
    }
    assert_eq!(scene.names(), ["w4"]);
    scene.act(&[Action::Accept, Action::Back]);
    assert_eq!(scene.screen.rows.found, 6);
}

#[test]
fn cursor_stays_with_its_session() {
    let mut scene = Scene::new();
    assert_eq!(scene.selected(), Some("w5"));
    // Before the first key it stays in the first row.
    scene.put("w0", "error", 60);
    assert_eq!(scene.selected(), Some("w0"));
    scene.act(&[Action::Move(2)]);
    assert_eq!(scene.selected(), Some("w4"));
    scene.put("w4", "working", 0);
    assert_eq!(scene.selected(), Some("w4"));
    scene.remove("w4");
    assert_eq!(scene.selected(), Some("w10"), "the next in its place");
    scene.act(&[FIRST, Action::Move(-1)]);
    assert_eq!(scene.selected(), Some("w0"));
    scene.act(&[LAST, Action::Move(1)]);
    assert_eq!(scene.selected(), Some("w10"));
}

#[test]
fn page_follows_the_cursor_and_stays_full() {
    let mut scene = Scene::new();
    scene.screen.set_page(4);
    assert_eq!(scene.screen.visible(), 0..4);
    scene.act(&[Action::MovePages(1)]);
    assert_eq!(scene.screen.visible(), 1..5);
    scene.act(&[LAST]);
    assert_eq!(scene.screen.visible(), 2..6);
    scene.screen.set_page(5);
    assert_eq!(scene.screen.visible(), 1..6);
    scene.act(&[FIRST]);
    assert_eq!(scene.screen.visible(), 0..5);
    scene.act(&[Action::MoveHalfPages(1), Action::MoveHalfPages(1)]);
    assert_eq!(scene.screen.visible(), 1..6);
}

#[test]
fn paused_screen_ignores_events_and_time() {
    let mut scene = Scene::new();
    scene.act(&[Action::Pause]);
    scene.put("w1", "error", 0);
    scene.remove("w3");
    scene.screen.tick(now() + TimeDelta::hours(1));
    assert_eq!(scene.screen.rows.found, 6);
    assert_eq!((scene.screen.now, scene.screen.rows.stale), (now(), 1));
    scene.act(&[Action::Pause]);
    scene.screen.tick(now() + TimeDelta::hours(1));
    assert_eq!(scene.screen.now, now() + TimeDelta::hours(1));
    assert_eq!(scene.names(), ["w5", "w4", "w1", "w2", "w10"]);
}

#[test]
fn session_goes_stale_without_an_update() {
    let mut scene = Scene::new();
    scene.change(|table, events| table.tick(now() + TimeDelta::seconds(290), events));
    assert_eq!(scene.screen.rows.stale, 5, "all but w1");
    assert_eq!(scene.names(), ["w5", "w4", "w3", "w2", "w10", "w1"]);
}

#[test]
fn unknown_starts_are_those_that_matter() {
    let mut scene = Scene::new();
    scene.screen.set_page(2);
    for name in ["w1", "w2", "w3", "w4", "w5", "w10"] {
        scene.table.set_since(name, None);
    }
    let unknown = |scene: &Scene| scene.screen.without_since(&scene.table);
    assert_eq!(unknown(&scene), ["w5", "w4"], "the visible ones");
    scene.act(&[Action::NextSort; 3]);
    assert_eq!(unknown(&scene).len(), 6, "all decide the order");
    for (name, minutes) in [
        ("w1", 9),
        ("w2", 7),
        ("w3", 8),
        ("w4", 1),
        ("w5", 2),
        ("w10", 3),
    ] {
        let since = StatusSince::new(now() - TimeDelta::minutes(minutes), true);
        scene.table.set_since(name, Some(since));
    }
    assert!(unknown(&scene).is_empty());
    scene.screen.observe_since();
    scene.refresh();
    assert_eq!(scene.names(), ["w1", "w3", "w2", "w10", "w5", "w4"]);
    scene.act(&[Action::Show(Only::Waiting)]);
    assert_eq!(scene.names(), ["w3", "w2", "w5", "w4"], "who waits");
    scene.act(&[Action::Show(Only::Waiting)]);
    assert_eq!(scene.screen.order_in_words(), "attention");
    assert_eq!(scene.names().len(), 6);
}

#[test]
fn each_selection_replaces_the_other() {
    let mut scene = Scene::new();
    for (only, crumb, order) in [
        (Only::Waiting, "waiting", "for"),
        (Only::Attention, "attention", "attention"),
        (Only::Waiting, "waiting", "for"),
        (Only::Finished, "finished", "attention"),
    ] {
        scene.act(&[Action::Show(only)]);
        assert_eq!(scene.screen.breadcrumbs(), [crumb]);
        assert_eq!(scene.screen.order_in_words(), order);
    }
    scene.act(&[Action::Show(Only::Waiting), Action::Back]);
    assert!(scene.screen.breadcrumbs().is_empty());
    assert_eq!(scene.screen.order_in_words(), "attention");
}

#[test]
fn back_leaves_one_view_at_a_time() {
    let mut scene = Scene::new();
    scene.act(&[Action::Show(Only::Attention), Action::Enter]);
    scene.act(&[Action::StartFilter, Action::Type('w'), Action::Accept]);
    scene.act(&[Action::Help]);
    assert_eq!(scene.selected(), Some("w5"));
    scene.act(&[Action::Back]);
    assert_eq!(
        (scene.screen.mode, scene.screen.choice.filter.as_str()),
        (Mode::Browse, "w")
    );
    scene.act(&[Action::Back]);
    assert!(scene.screen.choice.filter.is_empty() && scene.screen.is_pane_open);
    scene.act(&[Action::Back]);
    assert!(!scene.screen.is_pane_open && (scene.screen.choice.only != Only::All));
    scene.act(&[Action::Back]);
    assert_eq!(
        (
            (scene.screen.choice.only != Only::All),
            scene.screen.rows.found
        ),
        (false, 6)
    );
    scene.act(&[Action::Back]);
    let mut effect = |action| scene.screen.act(action, &scene.table);
    assert_eq!(effect(Action::Quit), Some(Action::Quit));
    assert_eq!(effect(Action::Jump), Some(Action::Jump));
}

#[test]
fn groups_fold_and_unfold_around_the_cursor() {
    let mut scene = Scene::new();
    scene.put("v1", "working", 10);
    scene.act(&[Action::Move(5)]);
    assert_eq!(scene.selected(), Some("w1"));
    scene.act(&[Action::NextGrouping]);
    assert_eq!(scene.screen.breadcrumbs(), ["by prefix"]);
    assert_eq!(scene.names(), ["w", "v"]);
    let name = |scene: &Scene| {
        scene
            .screen
            .selected_group()
            .map(|group| group.name.clone())
    };
    assert_eq!(name(&scene).as_deref(), Some("w"), "the group of w1");
    scene.act(&[Action::Open]);
    assert_eq!(
        scene.names(),
        ["w", "w5", "w4", "w3", "w2", "w1", "w10", "v"]
    );
    assert_eq!(scene.selected(), Some("w1"), "visible again");
    scene.act(&[Action::Close]);
    assert_eq!(scene.names(), ["w", "v"]);
    // Each task has one session. The session under the cursor is found again.
    scene.act(&[Action::NextGrouping]);
    assert_eq!(scene.screen.breadcrumbs(), ["by task"]);
    assert_eq!(name(&scene).as_deref(), Some("t10"), "the task of w1");
    scene.act(&[LAST, Action::NextGrouping]);
    assert_eq!(scene.screen.breadcrumbs(), ["by status"]);
    assert_eq!(scene.names(), ["error", "blocked", "working", "idle"]);
    // No session has a host or a directory, so there are no groups of them.
    scene.act(&[Action::NextGrouping]);
    assert!(scene.screen.breadcrumbs().is_empty());
    assert_eq!(scene.names().len(), 7);
    // Enter folds and unfolds, Esc leaves the groups.
    scene.act(&[Action::NextGrouping, FIRST, Action::Enter]);
    assert_eq!(scene.names().len(), 8);
    scene.act(&[Action::Enter]);
    assert_eq!(scene.names(), ["w", "v"]);
    scene.act(&[Action::Back]);
    assert!(scene.screen.breadcrumbs().is_empty());
}

#[test]
fn cursor_stays_with_its_group() {
    let mut scene = Scene::new();
    scene.put("v1", "working", 10);
    scene.act(&[Action::NextGrouping, LAST]);
    let name = |scene: &Scene| {
        scene
            .screen
            .selected_group()
            .map(|group| group.name.clone())
    };
    assert_eq!(name(&scene).as_deref(), Some("v"));
    for (status, names) in [("error", ["w", "v"]), ("idle", ["w", "v"])] {
        scene.put("v1", status, 0);
        assert_eq!(scene.names(), names);
        assert_eq!(name(&scene).as_deref(), Some("v"));
    }
    for worker in ["w2", "w3", "w4", "w5"] {
        scene.put(worker, "idle", 0);
    }
    scene.put("v1", "blocked", 0);
    assert_eq!(scene.names(), ["v", "w"]);
    assert_eq!(name(&scene).as_deref(), Some("v"));
    scene.remove("v1");
    assert_eq!(name(&scene).as_deref(), Some("w"));
}

#[test]
fn finished_sessions_fold_after_an_hour() {
    let mut scene = Scene::new();
    scene.put("done1", "completed", 3599);
    // An agent whose session has ended.
    let end = r#","stale_after":31536000,"metadata":{"agent":"a","session_end":"exit"}"#;
    scene.put_with("done2", "idle", 9000, end);
    assert_eq!(scene.names().len(), 8, "one is not folded");
    scene.screen.tick(now() + TimeDelta::seconds(1));
    scene.refresh();
    assert_eq!(scene.names().last(), Some(&"finished sessions"));
    assert_eq!(scene.screen.rows.groups[0].members.len(), 2);
    scene.act(&[LAST, Action::Enter]);
    assert_eq!(scene.names()[6..], ["finished sessions", "done1", "done2"]);
    scene.act(&[LAST, Action::Close]);
    assert_eq!(scene.names().len(), 7);
    scene.act(&[Action::StartFilter, Action::Type('d'), Action::Type('o')]);
    assert_eq!(scene.names(), ["done1", "done2"], "a filter shows them");
    scene.act(&[Action::Back, Action::Show(Only::Finished)]);
    assert_eq!(scene.names(), ["done1", "done2"]);
    assert_eq!(scene.screen.breadcrumbs(), ["finished"]);
    scene.act(&[Action::Show(Only::Attention)]);
    assert_eq!(scene.screen.breadcrumbs(), ["attention"]);
}

#[test]
fn columns_are_chosen_in_their_order() {
    let mut scene = Scene::new();
    scene.put_with("w6", "idle", 60, r#","metadata":{"phase":"b","a":1}"#);
    scene.act(&[Action::ChooseColumns]);
    let shown = |scene: &Scene| {
        let columns = scene.screen.choice.columns.iter();
        columns.map(Column::to_string).collect::<Vec<_>>().join(" ")
    };
    scene.act(&[Action::ToggleColumn, Action::Move(2), Action::ToggleColumn]);
    assert_eq!(shown(&scene), "session status age progress task message");
    scene.act(&[
        LAST,
        Action::ToggleColumn,
        Action::Move(-1),
        Action::ToggleColumn,
    ]);
    assert_eq!(shown(&scene), "session status age progress task meta.phase");
    scene.act(&[Action::NextSort, Action::Back]);
    assert_eq!(scene.screen.order_in_words(), "meta.phase");
    assert_eq!(scene.names()[..2], ["w6", "w1"]);
    // A shown key of the metadata is also a key to group by.
    scene.act(&[Action::NextGrouping; 3]);
    assert_eq!(scene.screen.breadcrumbs(), ["by meta.phase"]);
}

#[test]
fn mouse_selects_sorts_and_scrolls() {
    let mut scene = Scene::new();
    scene.screen.set_page(4);
    scene.screen.areas = Areas {
        rows: Rect::new(0, 2, 40, 4),
        pane: Rect::new(40, 1, 40, 5),
        headings: vec![
            (Rect::new(2, 1, 8, 1), Column::Session),
            (Rect::new(11, 1, 8, 1), Column::Status),
        ],
    };
    let at = Position::new;
    scene.act(&[Action::Click(at(5, 3))]);
    assert_eq!(scene.selected(), Some("w4"));
    scene.act(&[Action::Click(at(5, 3))]);
    assert!(scene.screen.is_pane_open, "a click on the selected row");
    scene.act(&[Action::Scroll(3, at(50, 3)), Action::Click(at(50, 3))]);
    assert_eq!((scene.screen.detail_top, scene.selected()), (3, Some("w4")));
    scene.act(&[Action::Scroll(3, at(5, 3))]);
    assert_eq!(scene.selected(), Some("w1"));
    scene.act(&[Action::Click(at(11, 1))]);
    assert_eq!(scene.screen.order_in_words(), "status");
    scene.act(&[
        Action::Click(at(11, 1)),
        Action::Click(at(30, 1)),
        Action::Click(at(1, 0)),
    ]);
    assert_eq!(scene.screen.order_in_words(), "status, reversed");
}
