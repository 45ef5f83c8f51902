"""The design: which folder stands on which row, and what the includes make of it."""

# From the top. A folder includes only folders on lower rows, never its own row.
ROWS = [
    ["cli"],
    ["server", "simulate"],
    ["proxy", "admin"],
    ["upstream", "discovery"],
    ["downstream", "cluster", "telemetry"],
    ["body"],
    ["net", "codec", "resilience", "route", "config", "interception"],
    ["policy"],
    ["http"],
    ["base"],
]
ROW_OF = {folder: len(ROWS) - row for row, folders in enumerate(ROWS) for folder in folders}


def include_graph(files):
    """folder -> the folders that it includes, for folders that exist"""
    graph = {file.folder: set() for file in files if file.folder in ROW_OF}
    for file in files:
        if file.folder not in graph:
            continue
        for _, _, included in file.includes:
            parts = included.split("/")
            if parts[0] == "weir" and parts[1] in ROW_OF and parts[1] != file.folder:
                graph[file.folder].add(parts[1])
                graph.setdefault(parts[1], set())
    return graph
