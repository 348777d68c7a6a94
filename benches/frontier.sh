#!/usr/bin/env bash
# What it costs to know many URLs: crawls a site without end until so many pages are fetched (each links to a hundred new
# URLs), and says time, processor, memory and disk; then kills a crawl that goes on from there, and takes the time until
# the next run has kept one more page and closed. Usage: benches/frontier.sh [PAGES...]; writes benches/frontier.svg.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 100 10000 100000
cargo build --release --quiet
cargo build --release --quiet -p dragline-fakeweb --example serve
dragline=target/release/dragline
work=$(mktemp -d)
target/release/examples/serve 1 1 0 1 200 >"$work/web" &
trap 'kill %1; rm -rf "$work"' EXIT
until grep -q '^endless' "$work/web"; do :; done
seeds=$(seq -f 'http://i%03g.fakeweb.test/' 0 199)
options=(--resolve "$(awk '$1 == "resolve" { print $2 }' "$work/web")" --store "$work/store" --delay 0s --per-host 4
    --robots ignore --scope any --max-query-variations 0 --no-trap-guard -q)

# shellcheck disable=SC2086
crawl() { /usr/bin/time -f '%e %U %S %M' -o "$work/time" "$dragline" crawl $seeds "${options[@]}" --report "$work/report" "$@"; }

printf '%12s %9s %10s %10s %9s %11s %11s %11s\n' known pages 'us/page' 'us/URL' 'peak MB' 'archive MB' 'index MB' 'frontier MB'
for pages in "$@"; do
    crawl --max-pages "$pages"
    python3 - "$work" "$pages" <<'PYTHON'
import json, subprocess, sys
work, pages = sys.argv[1:]
elapsed, user, system, peak = map(float, open(f"{work}/time").read().split())
report = json.load(open(f"{work}/report"))
size = lambda part: int(subprocess.check_output(["du", "-sm", f"{work}/store/{part}"]).split()[0])
known, run = report["queued"] + report["responses_in_store"], max(report["responses"], 1)
cpu = (user + system) * 1e6 / run
row = [known, int(pages), cpu, cpu / 100, peak / 1024, size("archive"), size("index"), size("frontier")]
print("%12d %9d %10.0f %10.2f %9.0f %11d %11d %11d" % tuple(row))
open(f"{work}/rows", "a").write(json.dumps(row) + "\n")
PYTHON
    # shellcheck disable=SC2086
    timeout --foreground -s KILL 2 "$dragline" crawl $seeds "${options[@]}" || true
    kept=$("$dragline" stats --json --store "$work/store" | python3 -c 'import json,sys; print(json.load(sys.stdin)["pages"])')
    crawl --max-pages "$((kept + 1))"
    python3 -c 'import json,sys; r=json.load(open(sys.argv[1]+"/report")); print(f"             killed; {r["resumed"]:,} URLs found waiting, one more page kept and closed after", open(sys.argv[1]+"/time").read().split()[0], "s")' "$work"
done

python3 - "$work/rows" benches/frontier.svg <<'PYTHON'
import json, math, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
W, H, L, B = 560, 300, 60, 50
lo, hi = math.log10(rows[0][0]), math.log10(rows[-1][0]) + 1e-9
x = lambda row: L + (math.log10(row[0]) - lo) / (hi - lo) * (W - 2 * L)
def line(column, top, colour, text, anchor):
    y = lambda value: H - B - value / top * (H - 2 * B)
    points = " ".join(f"{x(r):.0f},{y(r[column]):.0f}" for r in rows)
    dots = "".join(f'<circle cx="{x(r):.0f}" cy="{y(r[column]):.0f}" r="3" fill="{colour}"/><text x="{x(r):.0f}" y="{y(r[column]) - 8:.0f}" fill="{colour}" text-anchor="middle">{r[column]:.3g}</text>' for r in rows)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}<text x="{L if anchor == "start" else W - L}" y="20" fill="{colour}" text-anchor="{anchor}">{text}</text>'
ticks = "".join(f'<text x="{x(r):.0f}" y="{H - B + 20}" text-anchor="middle">{r[0]:,}</text>' for r in rows)
body = line(4, 650, "#c0392b", "peak memory, MB", "start") + line(3, 2 * max(r[3] for r in rows), "#2471a3", "processor, µs a URL", "end")
open(sys.argv[2], "w").write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" font-family="sans-serif" font-size="12"><rect width="{W}" height="{H}" fill="white"/><line x1="{L}" y1="{H - B}" x2="{W - L}" y2="{H - B}" stroke="black"/>{ticks}<text x="{W / 2}" y="{H - 8}" text-anchor="middle">known URLs</text>{body}</svg>\n')
PYTHON
