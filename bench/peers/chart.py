"""One bar a way, one group a measure, as SVG: the ratio to the direct way."""

COLOURS = {"direct": "#888888", "haproxy": "#4477aa", "nginx": "#66ccee", "stunnel": "#ccbb44",
           "pillion": "#228833", "pillion-relay": "#99cc99", "openssl": "#ee6677"}
WIDTH, BAR, GAP, LEFT = 900, 16, 26, 330


def bars(row, top):
    shown = {way: ratio for way, ratio in row["ratio"].items()}
    scale = (WIDTH - LEFT - 90) / max(list(shown.values()) + [1.0])
    better = "more is better" if row["more_is_better"] else "less is better"
    parts = [f'<text x="8" y="{top + 13}" font-weight="bold">{row["what"]}</text>',
             f'<text x="8" y="{top + 29}" fill="#666">{row["unit"]}, {better}</text>']
    for index, (way, ratio) in enumerate(shown.items()):
        y = top + index * BAR
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{max(1, ratio * scale):.1f}" '
                     f'height="{BAR - 3}" fill="{COLOURS.get(way, "#bbb")}"/>')
        parts.append(f'<text x="{LEFT + ratio * scale + 6:.1f}" y="{y + 11}">{way} {ratio:.2f}x</text>')
    return parts, top + max(len(shown), 2) * BAR + GAP


def svg(rows):
    parts, top = [], 20
    for row in rows:
        if row["ratio"]:
            more, top = bars(row, top)
            parts += more
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" '
            f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" '
            f'fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")
