#!/usr/bin/env bash
# Simulates power failures during pushes and counts the acknowledged lines that
# are lost. Requires root and loop devices:
#
#   tests/power_cut.sh [CUTS [SSTAT]]      default: 20 failures each on ext4 and xfs
#
# FS_IOC_SHUTDOWN without a log flush discards everything that the file system has
# not written, like a power failure. With --sync, no acknowledged line may be lost.
# Without it, the script prints how many were.
set -euo pipefail
cuts=${1:-20}
sstat=$(realpath "${2:-target/release/sstat}")
work=$(mktemp -d)
mount=$work/mount
mkdir "$mount"
trap 'umount -l "$mount" 2>/dev/null || true; rm -rf "$work"' EXIT

shutdown() {
    python3 - "$mount" <<'PYTHON'
import fcntl, os, struct, sys
FS_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
directory = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(directory, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
PYTHON
}

# Pushes to a file of its own, and records each token once it is acknowledged.
worker() { # worker NUMBER OPTION
    for ((push = 0; ; push++)); do
        "$sstat" push "w$1" working "t$1-$push" $2 --dir "$mount/status" 2>>"$work/errors" || return 0
        echo "t$1-$push" >>"$work/acked.$1"
    done
}

failed=0
for system in ext4 xfs; do
    command -v "mkfs.$system" >/dev/null || { echo "$system: SKIPPED, no mkfs.$system"; continue; }
    for option in --sync ""; do
        acked=0 lost=0 doubled=0
        for ((cut = 0; cut < cuts; cut++)); do
            rm -f "$work"/acked.* "$work"/promised.* "$work/disk"
            truncate -s 320M "$work/disk"
            "mkfs.$system" -q "$work/disk"
            mount -o loop "$work/disk" "$mount"
            for number in 1 2 3; do worker "$number" "$option" & done
            sleep "0.$((RANDOM % 5 + 2))"
            for number in 1 2 3; do cp "$work/acked.$number" "$work/promised.$number" 2>/dev/null || true; done
            shutdown
            wait
            umount "$mount"
            mount -o loop "$work/disk" "$mount"
            for number in 1 2 3; do
                file=$mount/status/w${number}_status.json
                while read -r token; do
                    times=$(grep -c "\"message\":\"$token\"" "$file" 2>/dev/null || true)
                    acked=$((acked + 1))
                    case ${times:-0} in 0) lost=$((lost + 1)); [ -z "$option" ] || echo "$system cut $cut: lost $token of $(wc -l <"$work/promised.$number")" ;; 1) ;; *) doubled=$((doubled + 1)) ;; esac
                done < <(cat "$work/promised.$number" 2>/dev/null)
                # The next push succeeds whatever the file contains.
                "$sstat" push "w$number" working after --dir "$mount/status"
            done
            umount "$mount"
        done
        echo "$system ${option:-(no --sync)}: $cuts cuts, $acked acknowledged, $lost lost, $doubled doubled"
        if [ -n "$option" ] && ((lost + doubled > 0)); then failed=1; fi
    done
done
exit $failed
