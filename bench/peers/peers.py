#!/usr/bin/env python3
"""Peers side by side: the same clients and servers directly, through pairs of mTLS sidecars
(haproxy, nginx stream, stunnel) and under Pillion at both ends, in interleaved rounds.
bench/README.md says what is needed and how to read it.

    bench/peers/peers.py [--rounds N] [--only NAME,...] [--out FOLDER]

Every pair speaks TLS 1.3 with certificates at both ends, P-256. The tables, with medians, their
ratios to the direct way, and the targets, go to standard output; peers.json and peers.svg to the
folder. All of it is on one machine, so what counts are the ratios within a run.
"""
import argparse
import json
import os
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chart      # noqa: E402
import judge      # noqa: E402
import measures   # noqa: E402
import ways       # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ROUNDS", "5")))
    parser.add_argument("--only", default="", help="ways or measures, by name, with commas")
    parser.add_argument("--out", default=os.environ.get("BUILD", "build"))
    return parser.parse_args()


def wanted(items, only):
    chosen = [item for item in items if item.name in only]
    return chosen or items


def present(only):
    """The ways whose programs are here; what is missing is said."""
    here = []
    for way in wanted(ways.ALL, only):
        if way.missing():
            print(f"left out: {way.name}, for want of {' '.join(way.missing())}", file=sys.stderr)
        else:
            here.append(way)
    return here


def measure_way(way, chosen, folder, results):
    """All measures of one way, in a place of its own; those without resumption in another."""
    for fresh in (False, True):
        mine = [m for m in chosen if m.fresh == fresh and way.can(m.name)]
        if not mine:
            continue
        with ways.running(way, f"{folder}-{fresh}", fresh) as place:
            for measure in mine:
                value = measure.run(place)
                results.setdefault(measure.name, {}).setdefault(way.name, []).append(value)


def main():
    options = arguments()
    only = set(filter(None, options.only.split(",")))
    if os.getuid() != 0:
        sys.exit("bench/peers needs root: a policy that names the programs' user, and nginx as that")
    os.makedirs(options.out, exist_ok=True)
    here, chosen, results = present(only), wanted(measures.ALL, only), {}
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        os.chmod(folder, 0o755)
        for number in range(options.rounds):
            # Another order each time, so that what one leaves behind is not always for the same.
            for way in here[number % len(here):] + here[:number % len(here)]:
                print(f"round {number + 1} of {options.rounds}: {way.name}", file=sys.stderr)
                measure_way(way, chosen, os.path.join(folder, f"{number}-{way.name}"), results)
    rows = summary(results, chosen)
    judged = judge.judge(rows)
    print(table(rows) + "\n\n" + judge.table(judged))
    with open(os.path.join(options.out, "peers.json"), "w") as out:
        json.dump({"rows": rows, "targets": judged}, out, indent=2)
    with open(os.path.join(options.out, "peers.svg"), "w") as out:
        out.write(chart.svg(rows))


def summary(results, chosen):
    """A row a measure: medians of each way, and their ratio to the direct one."""
    rows = []
    for measure in chosen:
        values = results.get(measure.name, {})
        median = {way: statistics.median(v) for way, v in values.items()}
        base = median.get("direct")
        rows.append({
            "name": measure.name,
            "what": measure.what,
            "unit": measure.unit,
            "more_is_better": measure.more_is_better,
            "median": median,
            "ratio": {way: value / base for way, value in median.items()} if base else {},
            "all": values,
        })
    return rows


def table(rows):
    names = list(dict.fromkeys(way for row in rows for way in row["median"]))
    lines = [f"{'':52}" + "".join(f"{name:>18}" for name in names)]
    for row in rows:
        cells = ""
        for name in names:
            value, ratio = row["median"].get(name), row["ratio"].get(name)
            text = "-" if value is None else f"{value:,.4g} ({ratio:.2f}x)" if ratio else f"{value:,.4g}"
            cells += f"{text:>18}"
        lines.append(f"{row['what'] + ' [' + row['unit'] + ']':52}" + cells)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
