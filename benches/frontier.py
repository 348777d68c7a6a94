#!/usr/bin/env python3
"""What a known URL costs: crawls of a site without end, each to another number of known URLs.

    benches/frontier.py [--plot FILE.svg] [KNOWN...]        (default: 10000 1000000 10000000)

Needs Linux, GNU time as /usr/bin/time, and `cargo build --release` with
`cargo build --release -p dragline-fakeweb --example serve`. Every page of that site has a hundred links that
nobody has seen before, so a crawl of N pages knows some 100 N URLs and has fetched one in a hundred: the queues are as
long as they get. Prints a table in Markdown: time, processor time, memory at its peak and bytes of disk by part, in all
and for a URL; then the same crawl again for one page more, which is what a restart costs, to its end.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
HOSTS = 100
LINKS = 100
PARTS = ("archive", "index", "frontier")


def serve():
    """Starts the site; the process, and the rule that leads there."""
    program = os.path.join(TARGET, "release/examples/serve")
    process = subprocess.Popen([program, "1", "1", "0", "1", str(HOSTS)], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("resolve"):
            return process, line.split()[1]
    sys.exit("the site did not start")


def crawl(rule, store, pages, options):
    """Crawls to so many pages; seconds, processor seconds, peak memory in bytes, the report."""
    report = store + ".report.json"
    seeds = [f"http://i{host:03}.fakeweb.test/" for host in range(HOSTS)]
    command = [
        "/usr/bin/time", "-f", "%e %U %S %M", os.path.join(TARGET, "release/dragline"), "crawl", "-q",
        "--store", store, "--resolve", rule, "--delay", "0s", "--per-host", "4", "--robots", "ignore", "--no-trap-guard",
        "--max-pages", str(pages), "--report", report, *options, *seeds,
    ]
    said = subprocess.run(command, capture_output=True, text=True)
    if said.returncode != 0:
        sys.exit(f"dragline failed:\n{said.stderr}")
    wall, user, system, peak = said.stderr.split()[-4:]
    with open(report) as file:
        return float(wall), float(user) + float(system), int(peak) * 1024, json.load(file)


def size(folder):
    """Bytes that the files of a folder take on the disk."""
    found = 0
    for path, _, names in os.walk(folder):
        found += sum(os.stat(os.path.join(path, name)).st_blocks * 512 for name in names)
    return found


def measure(rule, known, options):
    with tempfile.TemporaryDirectory() as work:
        store = os.path.join(work, "store")
        pages = max(known // LINKS, HOSTS + 1)
        wall, cpu, peak, report = crawl(rule, store, pages, options)
        urls = report["queued"] + report["responses"]
        disk = {part: size(os.path.join(store, part)) for part in PARTS}
        again, _, peak_again, _ = crawl(rule, store, pages + 1, options)
    return {"urls": urls, "pages": report["responses"], "wall": wall, "cpu": cpu, "peak": peak, "disk": disk,
            "again": again, "peak_again": peak_again}


def row(it):
    urls = it["urls"]
    disk = " + ".join(f"{it['disk'][part] / urls:.0f}" for part in PARTS)
    return (f"| {urls:,} | {it['pages']:,} | {it['wall']:.1f} | {1e6 * it['cpu'] / urls:.1f} | {it['peak'] / 1e6:.0f} "
            f"| {it['peak'] / urls:.0f} | {disk} | {it['again']:.2f} | {it['peak_again'] / 1e6:.0f} |")


def plot(rows, path):
    """Memory over known URLs, both on logarithmic scales."""
    width, height, left, bottom = 640, 400, 70, 50
    spans = [[math.floor(math.log10(min(values))), math.ceil(math.log10(max(values) * 1.001))]
             for values in ([it["urls"] for it in rows], [it["peak"] for it in rows])]

    def place(urls, peak):
        shares = [(math.log10(value) - low) / max(high - low, 1) for value, (low, high) in zip((urls, peak), spans)]
        return left + shares[0] * (width - left - 20), height - bottom - shares[1] * (height - bottom - 20)

    def text(x, y, words, anchor="middle"):
        return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'

    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
             'font-size="12">', f'<rect width="{width}" height="{height}" fill="white"/>']
    for power in range(spans[0][0], spans[0][1] + 1):
        x, _ = place(10**power, 10 ** spans[1][0])
        lines += [f'<path d="M{x:.0f} 20V{height - bottom}" stroke="#ddd"/>', text(x, height - bottom + 18, f"{10**power:,}")]
    for power in range(spans[1][0], spans[1][1] + 1):
        _, y = place(10 ** spans[0][0], 10**power)
        lines += [f'<path d="M{left} {y:.0f}H{width - 20}" stroke="#ddd"/>', text(left - 8, y + 4, f"{10**power / 1e6:g} MB", "end")]
    points = [place(it["urls"], it["peak"]) for it in rows]
    path_data = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    lines.append(f'<path d="{path_data}" fill="none" stroke="#06c" stroke-width="2"/>')
    for (x, y), it in zip(points, rows):
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#06c"/>', text(x, y - 10, f"{it['peak'] / 1e6:.0f} MB")]
    lines += [text(width / 2, height - 10, "known URLs"), text(10, 14, "memory at its peak", "start"), "</svg>"]
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("known", nargs="*", type=int, default=[10_000, 1_000_000, 10_000_000])
    parser.add_argument("--plot", metavar="FILE.svg")
    parser.add_argument("--option", action="append", default=[], help="one more argument of the crawl (repeatable)")
    args = parser.parse_args()
    site, rule = serve()
    try:
        print("| known URLs | pages | s | µs of processor a URL | MB at the peak | bytes of memory a URL "
              "| bytes of disk a URL: archive + index + frontier | restart for one page, s | MB at its peak |")
        print("|---|---|---|---|---|---|---|---|---|")
        rows = []
        for known in args.known:
            rows.append(measure(rule, known, args.option))
            print(row(rows[-1]), flush=True)
        if args.plot:
            plot(rows, args.plot)
    finally:
        site.kill()


if __name__ == "__main__":
    main()
