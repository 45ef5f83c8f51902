"""Who takes part: how each proxy is configured from peers/ and started on one core."""

import os
import shutil
import string
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "test" / "support"))

from processes import Process, free_port  # noqa: E402

# The proxy has a core to itself; the origin and the load generator share the other one.
PROXY_CORE = 0
LOAD_CORE = 1


@dataclass(frozen=True)
class Contender:
    name: str
    program: str  # name on PATH, or a path
    template: str = ""  # in peers/
    arguments: tuple = ()  # $config, $port, $origin, $directory
    log: str = ""  # weir only: the value of access_log

    def path(self):
        """The program, or None when it is not installed."""
        found = shutil.which(self.program)
        if found:
            return found
        for folder in ("/usr/sbin", "/usr/local/sbin"):
            if os.access(f"{folder}/{self.program}", os.X_OK):
                return f"{folder}/{self.program}"
        return None


def all_contenders(weir, tools):
    run_weir = ("run", "-c", "$config")
    return [
        Contender("weir", weir, "weir.yaml", run_weir,
                  '{ path: "$directory/access.log", format: json }'),
        Contender("weir, no access log", weir, "weir.yaml", run_weir, "off"),
        Contender("haproxy", "haproxy", "haproxy.cfg", ("-q", "-f", "$config")),
        Contender("nginx", "nginx", "nginx.conf", ("-p", "$directory", "-c", "$config")),
        Contender("nghttpx", "nghttpx", "nghttpx.conf", ("--conf=$config",)),
        Contender("h2o", "h2o", "h2o.conf", ("-c", "$config")),
        Contender("raw relay", str(Path(tools) / "weir_raw_relay"), "", ("$port", "$origin")),
    ]


class Running:
    """A contender at work. Use as a context manager."""

    def __init__(self, contender, origin_port):
        self.contender = contender
        self.port = free_port()
        self.admin = free_port()
        self._directory = tempfile.mkdtemp(prefix="weir-load-")
        os.chmod(self._directory, 0o755)
        values = {
            "port": self.port,
            "admin": self.admin,
            "origin": origin_port,
            "directory": self._directory,
            "config": f"{self._directory}/config",
            # As root they would change to a user who may not write into the directory.
            "nginx_user": "user root;" if os.geteuid() == 0 else "",
            "h2o_user": "user: root" if os.geteuid() == 0 else "",
        }
        values["log"] = string.Template(contender.log).substitute(values)
        if contender.template:
            text = (HERE / "peers" / contender.template).read_text()
            Path(values["config"]).write_text(string.Template(text).substitute(values))
        arguments = [string.Template(text).substitute(values) for text in contender.arguments]
        self.process = Process([contender.path(), *arguments], contender.name, PROXY_CORE)
        self.pid = self.process.pid

    def close(self):
        self.process.stop(seconds=3)
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def start_origin(tools):
    """The origin, on all of 127/8; returns (process, port)."""
    port = free_port()
    process = Process([Path(tools) / "weir_origin", "--port", port], "origin", LOAD_CORE)
    process.wait_for_port(port)
    return process, port
