"""Works as the Python scripts that sstat replaces: reads each file completely,
parses its last line and prints the summary."""

import glob
import json
import os
import sys
from collections import Counter
from datetime import datetime, timezone


def summary(directory):
    now = datetime.now(timezone.utc)
    sessions = {}
    for path in glob.glob(os.path.join(directory, "*_status.json")):
        with open(path) as file:
            lines = file.readlines()
        if lines:
            update = json.loads(lines[-1])
            sessions[os.path.basename(path)[: -len("_status.json")]] = update
    counts = Counter(update["status"] for update in sessions.values())
    print("Total Sessions:", len(sessions))
    for status, count in counts.most_common():
        print(f"  {status}: {count}")
    print("Working:")
    for name, update in sorted(sessions.items()):
        if update["status"] == "working":
            print(f"  • {name}: {update['message']} ({update.get('progress', 0):.0%})")
    print("Stale:")
    for name, update in sorted(sessions.items()):
        time = datetime.fromisoformat(update["timestamp"].replace("Z", "+00:00"))
        minutes = (now - time).total_seconds() / 60
        if minutes > 5 and update["status"] != "completed":
            print(f"  • {name}: No update for {minutes:.1f} minutes")


def push(path):
    update = {
        "timestamp": datetime.now(timezone.utc).isoformat(),
        "session": "manager1",
        "status": "working",
        "progress": 0.5,
        "message": "Querying DB",
        "task_id": "160",
    }
    with open(path, "a") as file:
        file.write(json.dumps(update) + "\n")


{"summary": summary, "push": push}[sys.argv[1]](sys.argv[2])
