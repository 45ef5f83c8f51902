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


NGINX_HTTP_1 = """proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_connect_timeout 250ms;
            proxy_read_timeout 5s;"""
NGINX_GRPC = """grpc_pass grpc://origin;
            grpc_connect_timeout 250ms;
            grpc_read_timeout 5s;"""


@dataclass(frozen=True)
class Scenario:
    """What is spoken on both sides. `words` go into the configurations in peers/."""

    name: str
    title: str
    origin: tuple  # command, in the folder of the tools
    contenders: tuple  # names of those who can do it
    words: dict


_EVERYBODY = ("weir", "weir, no access log", "haproxy", "nginx", "nghttpx", "h2o")
_HTTP_2_UP = {"nghttpx_backend": "h2", "haproxy_server": " proto h2", "weir_protocol": "http/2"}
_HTTP_1_UP = {"nghttpx_backend": "http/1.1", "haproxy_server": "", "weir_protocol": "http/1.1",
              "nginx_pass": NGINX_HTTP_1}
_HTTP_2_DOWN = {"haproxy_bind": " proto h2", "nginx_listen": " http2"}
_HTTP_1_DOWN = {"haproxy_bind": "", "nginx_listen": ""}

H1 = Scenario("h1", "HTTP/1.1 to HTTP/1.1", ("weir_origin",), (*_EVERYBODY, "raw relay"),
              {**_HTTP_1_DOWN, **_HTTP_1_UP})
H2_TO_H1 = Scenario("h2-to-h1", "HTTP/2 to HTTP/1.1", ("weir_origin",), _EVERYBODY,
                    {**_HTTP_2_DOWN, **_HTTP_1_UP})
H2_TO_H2 = Scenario("h2-to-h2", "HTTP/2 to HTTP/2", ("weir_h2_origin",),
                    tuple(one for one in _EVERYBODY if one not in ("nginx", "h2o")),
                    {**_HTTP_2_DOWN, **_HTTP_2_UP})
GRPC = Scenario("grpc", "gRPC unary", ("weir_h2_origin", "--grpc", "100"),
                tuple(one for one in _EVERYBODY if one != "h2o"),
                {**_HTTP_2_DOWN, **_HTTP_2_UP, "nginx_pass": NGINX_GRPC, "weir_protocol": "auto"})
SCENARIOS = {one.name: one for one in (H1, H2_TO_H1, H2_TO_H2, GRPC)}


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


def all_contenders(weir, tools, scenario=H1):
    run_weir = ("run", "-c", "$config")
    everybody = [
        Contender("weir", weir, "weir.yaml", run_weir,
                  '{ path: "$directory/access.log", format: json }'),
        Contender("weir, no access log", weir, "weir.yaml", run_weir, "off"),
        Contender("haproxy", "haproxy", "haproxy.cfg", ("-q", "-f", "$config")),
        Contender("nginx", "nginx", "nginx.conf", ("-p", "$directory", "-c", "$config")),
        Contender("nghttpx", "nghttpx", "nghttpx.conf", ("--conf=$config",)),
        Contender("h2o", "h2o", "h2o.conf", ("-c", "$config")),
        Contender("raw relay", str(Path(tools) / "weir_raw_relay"), "", ("$port", "$origin")),
    ]
    return [one for one in everybody if one.name in scenario.contenders]


class Running:
    """A contender at work. Use as a context manager."""

    def __init__(self, contender, origin_port, scenario=H1):
        self.contender = contender
        self.scenario = scenario
        self.port = free_port()
        self.admin = free_port()
        self._directory = tempfile.mkdtemp(prefix="weir-load-")
        os.chmod(self._directory, 0o755)
        values = {
            "port": self.port,
            "admin": self.admin,
            "origin": origin_port,
            **scenario.words,
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


def start_origin(tools, scenario=H1, *arguments):
    """The origin, on all of 127/8; returns (process, port)."""
    port = free_port()
    program, *own = scenario.origin
    command = [Path(tools) / program, "--port", port, *own, *arguments]
    process = Process(command, "origin", LOAD_CORE)
    process.wait_for_port(port)
    return process, port
