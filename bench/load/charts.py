"""Horizontal bar charts as SVG, written by hand: legible on light and dark pages alike."""

from html import escape

_BAR = 24
_GAP = 12
_LEFT = 170
_RIGHT = 90
_WIDTH = 760
_TOP = 74
_COLOURS = ("#2f6f9f", "#9fc3dc", "#d98f45")


def bars(title, unit, rows, parts=("",)):
    """`rows` are (label, values, emphasised); the values are stacked and named by `parts`."""
    widest = max(sum(values) for _, values, _ in rows) or 1
    scale = (_WIDTH - _LEFT - _RIGHT) / widest
    height = _TOP + len(rows) * (_BAR + _GAP) + 16
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" font-family="system-ui, sans-serif" font-size="14"'
        f' role="img" aria-label="{escape(title)}">',
        f'<rect width="{_WIDTH}" height="{height}" rx="6" fill="#ffffff"/>',
        f'<text x="20" y="30" font-size="17" font-weight="600" fill="#1d2a33">{escape(title)}</text>',
    ]
    out += _legend(parts, unit)
    for index, (label, values, emphasised) in enumerate(rows):
        out += _row(_TOP + index * (_BAR + _GAP), label, values, emphasised, scale)
    return "\n".join([*out, "</svg>", ""])


def _legend(parts, unit):
    out = [f'<text x="20" y="54" fill="#5a6b78">{escape(unit)}</text>']
    x = _LEFT + 120
    for colour, part in zip(_COLOURS, parts):
        if part:
            out.append(f'<rect x="{x}" y="43" width="12" height="12" fill="{colour}"/>')
            out.append(f'<text x="{x + 18}" y="54" fill="#5a6b78">{escape(part)}</text>')
            x += 110
    return out


def _row(top, label, values, emphasised, scale):
    weight = "600" if emphasised else "400"
    middle = top + _BAR / 2 + 5
    out = [f'<text x="{_LEFT - 12}" y="{middle}" text-anchor="end" font-weight="{weight}"'
           f' fill="#1d2a33">{escape(label)}</text>']
    x = float(_LEFT)
    for colour, value in zip(_COLOURS, values):
        width = max(value * scale, 0.5)
        out.append(f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{_BAR}"'
                   f' fill="{colour}"/>')
        x += width
    out.append(f'<text x="{x + 8:.1f}" y="{middle}" font-weight="{weight}" fill="#1d2a33">'
               f'{_short(sum(values))}</text>')
    return out


def _short(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"
