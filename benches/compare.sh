#!/usr/bin/env bash
# Whole-process comparison with wget2 on the same static site, side by side, in pairs: A B A B …
# Prints each pair, then the medians and the ratio.
#
#   benches/compare.sh http://127.0.0.1:18082/index.html [PAIRS]
#
# Needs: wget2, GNU time, a server of the site on loopback, and `cargo build --release`. wget2 is told to ask
# for the same URLs as dragline does (links of a, area, frame, iframe), with the same 16 connections.
set -euo pipefail
seed=${1:?usage: benches/compare.sh URL [PAIRS]}
pairs=${2:-5}
dragline=${DRAGLINE:-"$(dirname "$0")/../target/release/dragline"}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Runs a command; prints seconds of wall time, of user and system time, and kilobytes of memory at its peak.
# (wget2 exits with 8 where a page was missing, and `time` says so in a line of its own.)
measure() { /usr/bin/time -f '%e %U %S %M' -o "$work/time" "$@" >/dev/null 2>&1 || true; tail -n 1 "$work/time"; }

for pair in $(seq "$pairs"); do
    rm -rf "$work/store" "$work/files"
    mkdir "$work/files"
    read -r wall user sys memory < <(measure "$dragline" crawl "$seed" --store "$work/store" -q \
        --allow-net 127.0.0.0/8 --delay 0s --per-host 16 --robots ignore)
    read -r wall2 user2 sys2 memory2 < <(cd "$work/files" && measure wget2 -q -r -l inf --robots=off \
        --max-threads=16 -nH --ignore-tags=link,img,script,style,source,video,audio,embed,object,input,meta "$seed")
    echo "$wall $user $sys $memory $wall2 $user2 $sys2 $memory2" | tee -a "$work/rows" |
        awk '{ printf "dragline %5.2f s, %5.2f s cpu, %4d MB | wget2 %5.2f s, %5.2f s cpu, %4d MB | ratio %.2f\n",
               $1, $2+$3, $4/1024, $5, $6+$7, $8/1024, $1/$5 }'
done
awk '{ print $1/$5, $1, $5, $4/1024 }' "$work/rows" | sort -n |
    awk '{ row[NR] = $0 } END { split(row[int((NR + 1) / 2)], m, " ");
           printf "median ratio %.2f (dragline %.2f s, wget2 %.2f s, %d MB)\n", m[1], m[2], m[3], m[4] }'
