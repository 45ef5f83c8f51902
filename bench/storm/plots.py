"""The two pictures, SVG written by hand: legible on light and dark pages alike."""

import math
from html import escape

_INK, _PALE, _GRID = "#1d2a33", "#5a6b78", "#e3e9ee"
_COLOURS = {"weir": "#1f6fb2", "haproxy": "#e08a3c", "nginx": "#4f9d69", "none": "#9a86b4",
            "haproxy-tuned": "#b3574f"}
# Lines that lie on each other are to be seen all the same: the wider ones are drawn first.
_STROKES = {"none": 5.5, "nginx": 3.6, "haproxy": 1.8, "haproxy-tuned": 1.8, "weir": 3}
_WIDTH = 980
_PANEL, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 430, 168, 40, 74, 50


def _text(x, y, text, **attributes):
    merged = {"fill": _PALE, **attributes}
    names = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in merged.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" {names}>{escape(str(text))}</text>'


def _open(height, title, subtitle):
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12"'
        f' role="img" aria-label="{escape(title)}">',
        f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
        _text(24, 34, title, fill=_INK, font_size=18, font_weight=600),
        _text(24, 55, subtitle, font_size=13),
    ]


def _legend(y, systems):
    out, x = [], 24
    for name, title in systems.items():
        weight = 600 if name == "weir" else 400
        out.append(f'<path d="M{x} {y - 4} h22" stroke="{_COLOURS[name]}"'
                   f' stroke-width="{_STROKES[name]}" stroke-linecap="round"/>')
        out.append(_text(x + 30, y, title, fill=_INK, font_size=13, font_weight=weight))
        x += 60 + 7.2 * len(title)
    return out


def success_over_time(panels, systems):
    """`panels`: (title, seconds of the trigger or 0, {system: [[seconds, share], ...]})."""
    rows = (len(panels) + 1) // 2
    height = 106 + rows * (_HEIGHT + _GAP_Y)
    out = _open(height, "Users who got their answer",
                "Share of those who came in each half second; shaded: while the trigger lasts")
    out += _legend(84, systems)
    for index, panel in enumerate(panels):
        x = _MARGIN + index % 2 * (_PANEL + _GAP_X)
        y = 132 + index // 2 * (_HEIGHT + _GAP_Y)
        out += _panel(x, y, panel)
    return "\n".join([*out, "</svg>", ""])


def _panel(left, top, panel):
    title, trigger, lines = panel
    times = [seconds for line in lines.values() for seconds, _ in line] or [0.0]
    first, last = min(times), max(times) + 0.5
    at_x = lambda seconds: left + (seconds - first) / (last - first) * _PANEL  # noqa: E731
    at_y = lambda part: top + (1 - part) * _HEIGHT  # noqa: E731
    out = [_text(left, top - 12, title, fill=_INK, font_size=14, font_weight=600)]
    if trigger:
        out.append(f'<rect x="{at_x(0):.1f}" y="{top}" width="{at_x(trigger) - at_x(0):.1f}"'
                   f' height="{_HEIGHT}" fill="#f6eee2"/>')
    for part in (0, 0.25, 0.5, 0.75, 1):
        out.append(f'<path d="M{left} {at_y(part):.1f} h{_PANEL}" stroke="{_GRID}"/>')
        if part in (0, 0.5, 1):
            out.append(_text(left - 8, at_y(part) + 4, f"{part:.0%}", text_anchor="end",
                             font_size=11))
    step = 1 if last - first <= 8 else 2 if last - first <= 14 else 5
    for seconds in range(-20, 61, step):
        if first <= seconds <= last:
            out.append(_text(at_x(seconds), top + _HEIGHT + 17, f"{seconds} s",
                             text_anchor="middle", font_size=11))
    for name in sorted(lines, key=list(_STROKES).index):
        points = " ".join(f"{at_x(seconds + 0.25):.1f},{at_y(part):.1f}"
                          for seconds, part in lines[name])
        out.append(f'<polyline points="{points}" fill="none" stroke="{_COLOURS[name]}"'
                   f' stroke-width="{_STROKES[name]}" stroke-linejoin="round"'
                   f' stroke-linecap="round"/>')
    return out


def waste(rows, systems):
    """`rows`: (title, {system: (mean calls, most calls, unread share)})."""
    bar, left, width = 17, (220, 620), (320, 290)
    most = max((values[1] for _, one in rows for values in one.values()), default=1)
    decades = max(2, math.ceil(math.log10(max(most, 1))) + 1)  # the first is 0.1 to 1
    height = 146 + sum(len(one) * bar + 44 for _, one in rows)
    out = _open(height, "What reached the leaf, and for whom",
                "Left, logarithmic: bars are means, rings the most for one user. Right: share of"
                " the leaf's working time")
    out += [_text(left[0], 84, "leaf calls per user",
                  font_size=13), _text(left[1], 84, "leaf work that nobody read", font_size=13)]
    out += _scale(left[0], height, [((number + 1) / decades * width[0], f"{10 ** number:,g}")
                                    for number in range(-1, decades)])
    out += _scale(left[1], height,
                  [(part * width[1], f"{part:.0%}") for part in (0, .25, .5, .75, 1)])
    top = 146
    for title, one in rows:
        out.append(_text(24, top, title, fill=_INK, font_size=14, font_weight=600, stroke="#ffffff",
                         stroke_width=4, paint_order="stroke"))
        for line, (name, (mean, maximum, unread)) in enumerate(one.items()):
            y = top + 10 + line * bar
            length = [max(0, math.log10(max(value, 0.1)) + 1) / decades * width[0]
                      for value in (mean, maximum)]
            out.append(_text(left[0] - 12, y + 10, systems[name], text_anchor="end",
                             fill=_INK, font_weight=600 if name == "weir" else 400))
            crowded = maximum > 1 and length[1] - length[0] < 50 < length[0]
            out += _bar(left[0], y, length[0], name, "" if crowded else f"{mean:.2f}")
            if crowded:  # no room between bar and ring
                out.append(_text(left[0] + length[0] - 6, y + 10, f"{mean:.2f}", fill="#ffffff",
                                 text_anchor="end", font_size=11, font_weight=600))
            out += _ring(left[0] + length[1], y + 6, name, maximum)
            out += _bar(left[1], y, unread * width[1], name, f"{unread:.1%}")
        top += len(one) * bar + 44
    return "\n".join([*out, "</svg>", ""])


def _ring(x, y, name, maximum):
    """Nothing where the most is what the mean says already."""
    if maximum <= 1:
        return []
    return [f'<circle cx="{x:.1f}" cy="{y}" r="4" fill="#ffffff" stroke="{_COLOURS[name]}"'
            f' stroke-width="2"/>', _text(x + 9, y + 4, f"{maximum:,}", font_size=11)]


def _scale(left, height, marks):
    out = []
    for x, word in marks:
        out.append(f'<path d="M{left + x:.1f} 122 V{height - 20}" stroke="{_GRID}"/>')
        out.append(_text(left + x, 115, word, text_anchor="middle", font_size=11))
    return out


def _bar(left, y, length, name, word):
    length = max(length, 1.5)
    return [f'<rect x="{left}" y="{y}" width="{length:.1f}" height="12" rx="2"'
            f' fill="{_COLOURS[name]}"/>',
            _text(left + length + 10, y + 10, word, font_size=11, fill=_INK, paint_order="stroke",
                  stroke="#ffffff", stroke_width=3)]
