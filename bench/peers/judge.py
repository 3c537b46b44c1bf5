"""Holds the medians against bench/peers/targets."""
import os
import statistics

import ways

RELATIONS = {"<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b}


def targets():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "targets")
    with open(path) as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                name, way, relation, number, of, words = (c.strip() for c in line.split("|"))
                yield {"name": name, "way": way, "relation": relation, "target": float(number),
                       "of": of, "words": words}


def pick(row, of):
    """The way that is compared with: the one of that name, or the best of the sidecars."""
    known = [way for way in (ways.SIDECARS if of == "sidecars" else (of,)) if way in row["median"]]
    best = max if row["more_is_better"] else min
    return best(known, key=row["median"].get) if known else None


def judge(rows):
    """The targets with what was reached: ratio and met are None where something was not measured.
    The ratio is the median of those of each round, so that a slow moment hits both."""
    by_name = {row["name"]: row for row in rows}
    judged = []
    for target in targets():
        row = by_name.get(target["name"])
        against = pick(row, target["of"]) if row else None
        ratio = met = None
        if against and target["way"] in row["median"]:
            ratio = statistics.median(
                a / b for a, b in zip(row["all"][target["way"]], row["all"][against]))
            met = RELATIONS[target["relation"]](ratio, target["target"])
        judged.append(dict(target, against=against, ratio=ratio, met=met))
    return judged


def table(judged):
    lines = [f"{'':46}{'ratio':>8}   target"]
    for one in judged:
        ratio = "-" if one["ratio"] is None else f"{one['ratio']:.2f}x"
        verdict = {None: "not measured", True: "met", False: "MISSED"}[one["met"]]
        wanted = f"{one['relation']} {one['target']:g}x of {one['against'] or one['of']}"
        lines.append(f"{one['words']:46}{ratio:>8}   {wanted:20} {verdict}")
    met = sum(one["met"] is True for one in judged)
    lines.append(f"{met} of {len(judged)} targets met")
    return "\n".join(lines)
