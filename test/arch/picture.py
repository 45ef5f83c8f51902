"""The include graph as a picture: rows of folders, and arrows that do not follow from others."""

from html import escape

PATH = "docs/architecture.svg"

KINDS = {
    "decide": ("#dbeafe", "#2563eb", "decides: pure values, no sockets, no clock"),
    "move": ("#dcfce7", "#16a34a", "moves bytes: events from bytes and back, no sockets"),
    "wait": ("#ffedd5", "#ea580c", "waits: the only code that knows the kernel's queue"),
    "join": ("#ede9fe", "#7c3aed", "joins them: the life of connections and requests"),
    "show": ("#fce7f3", "#db2777", "shows: what operators read and ask"),
    "base": ("#f1f5f9", "#64748b", "stands below everything"),
}
KIND_OF = {
    "cli": "show", "admin": "show", "telemetry": "show",
    "server": "join", "proxy": "join", "upstream": "join", "downstream": "join",
    "discovery": "wait", "net": "wait", "simulate": "decide", "cluster": "decide",
    "body": "move", "codec": "move", "http": "move",
    "resilience": "decide", "route": "decide", "config": "decide", "policy": "decide",
    "base": "base",
}
SAYS = {
    "cli": "commands", "server": "workers, reload, drain", "simulate": "a mesh in virtual time",
    "proxy": "the exchange", "admin": "metrics, health, status", "upstream": "pools, attempts",
    "discovery": "where endpoints are", "downstream": "callers", "cluster": "endpoints, balance",
    "telemetry": "metrics, access log", "body": "bodies on channels", "net": "loop, sockets",
    "codec": "HTTP/1.1 bytes", "resilience": "budget, failover", "route": "compiled table",
    "config": "YAML to policy", "http": "messages, streams", "policy": "what was asked for",
    "base": "time, tasks, timers",
}

BOX_WIDTH, BOX_HEIGHT, LANE = 150, 46, 22
ROW_STEP, WIDTH, TOP = 96, 980, 30


def reduced(graph):
    """Without the edges that follow from others."""
    def reach(folder, seen):
        for target in graph[folder]:
            if target not in seen:
                seen.add(target)
                reach(target, seen)
        return seen
    return {folder: {target for target in targets
                     if not any(target in reach(other, set()) for other in targets - {target})}
            for folder, targets in graph.items()}


def layers_of(rows, graph):
    """Rows with a place for every arrow that passes through, and chains of places per arrow."""
    layers = [[folder for folder in row if folder in graph] for row in rows]
    layers = [layer for layer in layers if layer]
    level = {folder: number for number, layer in enumerate(layers) for folder in layer}
    chains = []
    for folder in sorted(graph, key=lambda one: (level[one], one)):
        for target in sorted(graph[folder]):
            chain = [folder]
            for number in range(level[folder] + 1, level[target]):
                place = (folder, target, number)
                layers[number].append(place)
                chain.append(place)
            chains.append([*chain, target])
    return layers, chains


def ordered(layers, chains):
    """Sorts each layer by the middle of its neighbours, to and fro; the fewest crossings win."""
    above, below = {}, {}
    for chain in chains:
        for upper, lower in zip(chain, chain[1:]):
            below.setdefault(upper, []).append(lower)
            above.setdefault(lower, []).append(upper)

    def middle(place, neighbours, position):
        found = [position[one] for one in neighbours.get(place, [])]
        return sum(found) / len(found) if found else position.get(place, 0)

    def positions():
        return {place: (number + 0.5) / len(layer)
                for layer in layers for number, place in enumerate(layer)}

    def crossings():
        position, total = positions(), 0
        for layer in layers:
            edges = [(position[one], position[other])
                     for one in layer for other in below.get(one, [])]
            total += sum((a[0] - b[0]) * (a[1] - b[1]) < 0
                         for number, a in enumerate(edges) for b in edges[:number])
        return total

    best, fewest = [list(layer) for layer in layers], crossings()
    for turn in range(24):
        neighbours = above if turn % 2 == 0 else below
        sequence = layers if turn % 2 == 0 else layers[::-1]
        for layer in sequence:
            position = positions()
            layer.sort(key=lambda place: (middle(place, neighbours, position), str(place)))
        if crossings() < fewest:
            best, fewest = [list(layer) for layer in layers], crossings()
    return best


def width_of(place):
    return BOX_WIDTH if isinstance(place, str) else LANE


def placed(layers, chains):
    """place -> x of its centre; drawn towards its neighbours without changing the order."""
    neighbours = {}
    for chain in chains:
        for upper, lower in zip(chain, chain[1:]):
            neighbours.setdefault(upper, []).append(lower)
            neighbours.setdefault(lower, []).append(upper)
    x = {}
    for layer in layers:
        gap = (WIDTH - sum(map(width_of, layer))) / (len(layer) + 1)
        left = gap
        for place in layer:
            x[place] = left + width_of(place) / 2
            left += width_of(place) + gap
    for _ in range(60):
        for layer in layers:
            for number, place in enumerate(layer):
                wanted = sum(x[one] for one in neighbours.get(place, [place]))
                wanted /= len(neighbours.get(place, [place]))
                low, high = width_of(place) / 2 + 10, WIDTH - width_of(place) / 2 - 10
                if number > 0:
                    before = layer[number - 1]
                    low = x[before] + (width_of(before) + width_of(place)) / 2 + 14
                if number + 1 < len(layer):
                    after = layer[number + 1]
                    high = x[after] - (width_of(after) + width_of(place)) / 2 - 14
                x[place] = min(max(x[place] * 0.5 + wanted * 0.5, low), max(low, high))
    return x


def arrow(chain, x, y):
    """A smooth line through the places of a chain, from box to box."""
    points = [(x[place], y[place]) for place in chain]
    here_x, here_y = points[0][0], points[0][1] + BOX_HEIGHT / 2
    path = f"M{here_x:.0f} {here_y:.0f}"
    for number, (to_x, to_y) in enumerate(points[1:], 1):
        end = number == len(points) - 1
        entry = to_y - BOX_HEIGHT / 2 - (5 if end else 0)
        bend = (here_y + entry) / 2
        path += f" C{here_x:.0f} {bend:.0f} {to_x:.0f} {bend:.0f} {to_x:.0f} {entry:.0f}"
        if not end:
            path += f" V{to_y + BOX_HEIGHT / 2:.0f}"
        here_x, here_y = to_x, to_y + BOX_HEIGHT / 2
    return path


def draw(rows, graph):
    edges = reduced(graph)
    layers, chains = layers_of(rows, edges)
    layers = ordered(layers, chains)
    x = placed(layers, chains)
    y = {place: TOP + BOX_HEIGHT / 2 + number * ROW_STEP
         for number, layer in enumerate(layers) for place in layer}
    legend = TOP + len(layers) * ROW_STEP - 10
    used = [kind for kind in KINDS if any(KIND_OF.get(one) == kind for one in graph)]
    height = legend + 26 * ((len(used) + 1) // 2) + 42
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        'font-family="system-ui, sans-serif" font-size="14">',
        "<title>Which folder of weir includes which</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#94a3b8"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>',
    ]
    for number in range(len(layers)):
        band = TOP - 16 + number * ROW_STEP
        out.append(f'<rect x="0" y="{band}" width="{WIDTH}" height="{BOX_HEIGHT + 32}" '
                   'fill="#f8fafc"/>')
    for chain in chains:
        out.append(f'<path d="{arrow(chain, x, y)}" fill="none" stroke="#94a3b8" '
                   f'stroke-width="1.4" marker-end="url(#tip)"><title>{chain[0]} includes '
                   f"{chain[-1]}</title></path>")
    for layer in layers:
        for place in layer:
            if isinstance(place, str):
                out += box(place, x[place], y[place], sorted(graph[place]))
    for number, kind in enumerate(used):
        fill, line, says = KINDS[kind]
        left, top = 30 + (number % 2) * WIDTH / 2, legend + (number // 2) * 26
        out.append(f'<rect x="{left:.0f}" y="{top:.0f}" width="16" height="16" rx="4" fill="{fill}" '
                   f'stroke="{line}"/><text x="{left + 26:.0f}" y="{top + 13:.0f}" '
                   f'fill="#334155">{escape(says)}</text>')
    out.append(f'<text x="30" y="{height - 14:.0f}" fill="#64748b" font-size="12">Measured from the '
               "includes. An arrow that follows from others is left out.</text>")
    out.append("</svg>")
    return "\n".join(out) + "\n"


def box(folder, x, y, includes):
    fill, line, _ = KINDS[KIND_OF.get(folder, "base")]
    left, top = x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2
    title = f"{folder} includes {', '.join(includes) or 'no other folder'}"
    return [
        f'<g><title>{escape(title)}</title><rect x="{left:.0f}" y="{top:.0f}" width="{BOX_WIDTH}" '
        f'height="{BOX_HEIGHT}" rx="8" fill="{fill}" stroke="{line}" stroke-width="1.5"/>'
        f'<text x="{x:.0f}" y="{y - 3:.0f}" text-anchor="middle" font-weight="600" '
        f'fill="#0f172a">{folder}</text>'
        f'<text x="{x:.0f}" y="{y + 14:.0f}" text-anchor="middle" font-size="11.5" '
        f'fill="#475569">{escape(SAYS.get(folder, ""))}</text></g>'
    ]
