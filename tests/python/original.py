"""The Python scripts that sstat replaces, written anew from their file format and
output: a writer and the readers."""

import datetime
import glob
import json
import os


class SessionStatus:
    def __init__(self, name, base_dir=None):
        self.name = name
        self.path = os.path.join(base_dir or "data/session_status", f"{name}_status.json")
        os.makedirs(os.path.dirname(self.path), exist_ok=True)

    def push(self, status, message="", progress=None, task_id=None, metadata=None):
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        update = {
            "timestamp": now.isoformat() + "Z",
            "session": self.name,
            "status": status,
            "message": message,
        }
        if progress is not None:
            update["progress"] = max(0.0, min(1.0, progress))
        if task_id is not None:
            update["task_id"] = task_id
        if metadata is not None:
            update["metadata"] = metadata
        with open(self.path, "a") as file:
            file.write(json.dumps(update) + "\n")

    def idle(self, message="Waiting for tasks", **values):
        self.push("idle", message, **values)

    def working(self, message, progress=None, task_id=None, **values):
        self.push("working", message, progress, task_id, **values)

    def blocked(self, message, **values):
        self.push("blocked", message, **values)

    def completed(self, message, **values):
        self.push("completed", message, 1.0, **values)

    def error(self, message, **values):
        self.push("error", message, **values)


def history(name, base_dir="data/session_status"):
    with open(os.path.join(base_dir, f"{name}_status.json")) as file:
        return [json.loads(line) for line in file]


def sessions(base_dir="data/session_status"):
    paths = sorted(glob.glob(os.path.join(base_dir, "*_status.json")))
    names = [os.path.basename(path)[: -len("_status.json")] for path in paths]
    return {name: history(name, base_dir)[-1] for name in names}


def age(update):
    time = datetime.datetime.fromisoformat(update["timestamp"].replace("Z", "+00:00"))
    return (datetime.datetime.now(datetime.timezone.utc) - time).total_seconds()


def print_summary(base_dir="data/session_status"):
    updates = sessions(base_dir)
    rule = "=" * 60
    print(rule, "SESSION STATUS SUMMARY", rule, sep="\n")
    print("Total Sessions:", len(updates))
    print("\nBy Status:")
    for status in ["working", "blocked", "error", "idle", "completed"]:
        count = sum(update["status"] == status for update in updates.values())
        if count:
            print(f"  {status}: {count}")
    for title, status in [("❌ Errors", "error"), ("Blocked", "blocked"), ("Working", "working")]:
        found = {name: update for name, update in updates.items() if update["status"] == status}
        if found:
            print(f"\n{title} ({len(found)}):")
        for name, update in found.items():
            percent = ""
            if status == "working" and "progress" in update:
                percent = f" ({update['progress']:.0%})"
            print(f"  • {name}: {update['message']}{percent}")
    stale = {name: age(update) for name, update in updates.items() if age(update) > 300}
    if stale:
        print(f"\n⚠️  Stale ({len(stale)}):")
    for name, seconds in sorted(stale.items(), key=lambda item: -item[1]):
        print(f"  • {name}: No update for {seconds / 60:.1f} minutes")
    print(rule)
