#!/usr/bin/env bash
# Cuts the power under running pushes and looks for lines that were
# acknowledged and are gone. To be run by hand, as root, where there are loop
# devices:
#
#   tests/power_cut.sh [CUTS [SSTAT]]      20 cuts for each of ext4 and xfs
#
# FS_IOC_SHUTDOWN without a log flush makes the file system forget at once what
# it has not written, which is what a power cut does. With --sync nothing that
# was acknowledged may be lost; without it the script says how much was.
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

# A worker of its own file, which writes down each token once acknowledged.
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
                # Whatever was left behind, the next push goes in.
                "$sstat" push "w$number" working after --dir "$mount/status"
            done
            umount "$mount"
        done
        echo "$system ${option:-(no --sync)}: $cuts cuts, $acked acknowledged, $lost lost, $doubled doubled"
        if [ -n "$option" ] && ((lost + doubled > 0)); then failed=1; fi
    done
done
exit $failed
