"""Who takes part: how each proxy is configured from peers/ and started on one core."""

import os
import shutil
import string
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "test" / "support"))

import load_certificates as certificates  # noqa: E402
from processes import Process, cpu_seconds, free_port, resident_bytes  # noqa: E402

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
    client: str = "h2load"  # or wrk
    tls: str = ""  # where certificates are needed: the "client" speaks TLS, or it is spoken "between"
    goal: float = 0.80  # at most, of the best peer's CPU per request


_EVERYBODY = ("weir", "weir, no access log", "haproxy", "nginx", "nghttpx", "h2o")
_HTTP_2_UP = {"nghttpx_backend": "h2", "haproxy_server": " proto h2", "weir_protocol": "http/2"}
_HTTP_1_UP = {"nghttpx_backend": "http/1.1", "haproxy_server": "", "weir_protocol": "http/1.1",
              "nginx_pass": NGINX_HTTP_1}
_HTTP_2_DOWN = {"haproxy_bind": " proto h2", "nginx_listen": " http2"}
_HTTP_1_DOWN = {"haproxy_bind": "", "nginx_listen": ""}

H1 = Scenario("h1", "HTTP/1.1 to HTTP/1.1", ("weir_origin",), (*_EVERYBODY, "raw relay"),
              {**_HTTP_1_DOWN, **_HTTP_1_UP}, client="wrk")
H2_TO_H1 = Scenario("h2-to-h1", "HTTP/2 to HTTP/1.1", ("weir_origin",), _EVERYBODY,
                    {**_HTTP_2_DOWN, **_HTTP_1_UP})
H2_TO_H2 = Scenario("h2-to-h2", "HTTP/2 to HTTP/2", ("weir_h2_origin",),
                    tuple(one for one in _EVERYBODY if one not in ("nginx", "h2o")),
                    {**_HTTP_2_DOWN, **_HTTP_2_UP})
GRPC = Scenario("grpc", "gRPC unary", ("weir_h2_origin", "--grpc", "100"),
                tuple(one for one in _EVERYBODY if one != "h2o"),
                {**_HTTP_2_DOWN, **_HTTP_2_UP, "nginx_pass": NGINX_GRPC, "weir_protocol": "auto"})


def _tls_down(protocol, client="none"):
    """Words for TLS on the callers' side; with `client` required they have to show a certificate."""
    asked = client == "required"
    alpn = "h2" if protocol == "http/2" else "http/1.1"
    return {
        "haproxy_bind": f" ssl crt $tls/server.pem alpn {alpn}"
        + (" ca-file $tls/ca.crt verify required" if asked else ""),
        "nginx_listen": " ssl http2" if protocol == "http/2" else " ssl",
        "nginx_tls": "        ssl_protocols TLSv1.2 TLSv1.3;\n"
        "        ssl_certificate $tls/server.crt;\n        ssl_certificate_key $tls/server.key;\n"
        + ("        ssl_client_certificate $tls/ca.crt;\n        ssl_verify_client on;\n"
           if asked else ""),
        "nghttpx_frontend": "",
        "nghttpx_tls": "private-key-file=$tls/server.key\ncertificate-file=$tls/server.crt\n"
        + ("verify-client=yes\nverify-client-cacert=$tls/ca.crt\n" if asked else ""),
        "h2o_tls": "  ssl:\n    certificate-file: $tls/server.crt\n    key-file: $tls/server.key\n",
        "weir_template": "weir-tls.yaml",
        "weir_client": client,
    }


# Words for mutual TLS with HTTP/2 on the upstreams' side.
_MUTUAL_UP = {
    "haproxy_server": " ssl crt $tls/caller.pem ca-file $tls/ca.crt verify required"
    f" sni str({certificates.SERVER_NAME}) alpn h2 ciphersuites {certificates.SUITE}",
    "nghttpx_backend": f"h2;tls;sni={certificates.SERVER_NAME}",
    "nghttpx_tls": "cacert=$tls/ca.crt\nclient-cert-file=$tls/caller.crt\n"
    "client-private-key-file=$tls/caller.key\n",
    "weir_tls": "tls: { certificate: $tls/caller.crt, key: $tls/caller.key, ca: $tls/ca.crt,"
    f" trust_domain: {certificates.TRUST_DOMAIN} }}\n",
    "weir_upstream": f'    tls: {{ identities: "spiffe://{certificates.TRUST_DOMAIN}/'
    f'{certificates.SERVER_NAME}" }}\n',
    "weir_protocol": "http/2",
}
_DEFAULTS = {"weir_template": "weir.yaml", "listen": "127.0.0.1", "nghttpx_frontend": ";no-tls",
             **dict.fromkeys(("h2o_tls", "nginx_tls", "nghttpx_tls", "weir_tls", "weir_upstream"), "")}

TLS_H1 = Scenario("tls-h1", "HTTPS, HTTP/1.1 to HTTP/1.1", ("weir_origin",), _EVERYBODY,
                  {**_HTTP_1_UP, **_tls_down("http/1.1")}, client="wrk", tls="client", goal=0.85)
TLS_H2 = Scenario("tls-h2", "HTTPS, HTTP/2 to HTTP/1.1", ("weir_origin",), _EVERYBODY,
                  {**_HTTP_1_UP, **_tls_down("http/2")}, tls="client", goal=0.85)
# Only its connections are looked at.
MUTUAL = Scenario("mutual", "Mutual TLS, HTTP/1.1 to HTTP/1.1", ("weir_origin",),
                  tuple(one for one in _EVERYBODY if one != "h2o"),
                  {**_HTTP_1_UP, **_tls_down("http/1.1", "required")}, client="wrk", tls="client")
# One alone, and two in a row with mutual TLS and HTTP/2 between them.
_TWICE = ("weir", "haproxy", "nghttpx")
MESH = Scenario("mesh", "Two in a row, mutual TLS between them", ("weir_origin",),
                tuple(name for one in _TWICE for name in (f"{one}, {one}", one)),
                {**_HTTP_1_DOWN, **_HTTP_1_UP}, client="wrk", tls="between", goal=0.85)
SCENARIOS = {one.name: one for one in (H1, H2_TO_H1, H2_TO_H2, GRPC, TLS_H1, TLS_H2, MESH)}


@dataclass(frozen=True)
class Contender:
    name: str
    program: str  # name on PATH, or a path
    template: str = ""  # in peers/
    arguments: tuple = ()  # $config, $port, $origin, $directory
    log: str = ""  # weir only: the value of access_log
    words: tuple = ()  # pairs, before the scenario's
    far: object = None  # the contender that this one calls, in place of the origin

    def path(self):
        """The program, or None when it is not installed."""
        found = shutil.which(self.program)
        if found:
            return found
        for folder in ("/usr/sbin", "/usr/local/sbin"):
            if os.access(f"{folder}/{self.program}", os.X_OK):
                return f"{folder}/{self.program}"
        return None


def _in_a_row(one):
    """Two of them; the far one is seen as two endpoints by the near one."""
    down = {**_HTTP_1_UP, **_tls_down("http/2", "required"), "listen": "0.0.0.0"}
    far = replace(one, words=tuple(down.items()))
    return replace(one, name=f"{one.name}, {one.name}", words=tuple(_MUTUAL_UP.items()), far=far)


def all_contenders(weir, tools, scenario=H1):
    run_weir = ("run", "-c", "$config")
    everybody = [
        Contender("weir", weir, "$weir_template", run_weir,
                  '{ path: "$directory/access.log", format: json }'),
        Contender("weir, no access log", weir, "$weir_template", run_weir, "off"),
        Contender("haproxy", "haproxy", "haproxy.cfg", ("-q", "-f", "$config")),
        Contender("nginx", "nginx", "nginx.conf", ("-p", "$directory", "-c", "$config")),
        Contender("nghttpx", "nghttpx", "nghttpx.conf", ("--conf=$config",)),
        Contender("h2o", "h2o", "h2o.conf", ("-c", "$config")),
        Contender("raw relay", str(Path(tools) / "weir_raw_relay"), "", ("$port", "$origin")),
    ]
    everybody = [both for one in everybody for both in (_in_a_row(one), one)]
    chosen = [one for one in everybody if one.name in scenario.contenders]
    return sorted(chosen, key=lambda one: scenario.contenders.index(one.name))


class Running:
    """A contender at work, with the far one if there are two. Use as a context manager."""

    def __init__(self, contender, origin_port, scenario=H1):
        self.contender = contender
        self.scenario = scenario
        self.port = free_port()
        self.admin = free_port()
        self._far = Running(contender.far, origin_port, scenario) if contender.far else None
        if self._far:
            self._far.process.wait_for_port(self._far.port)
        self._directory = tempfile.mkdtemp(prefix="weir-load-")
        os.chmod(self._directory, 0o755)
        values = self._values(self._far.port if self._far else origin_port)
        if contender.template:
            template = string.Template(contender.template).substitute(values)
            text = (HERE / "peers" / template).read_text()
            Path(values["config"]).write_text(string.Template(text).substitute(values))
        arguments = [string.Template(text).substitute(values) for text in contender.arguments]
        self.process = Process([contender.path(), *arguments], contender.name, PROXY_CORE)
        self.pid = self.process.pid

    def _values(self, origin_port):
        """What stands for each word; words of the scenario and of the contender hold words, too."""
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
        if self.scenario.tls:
            values["tls"] = certificates.directory()
        words = {**_DEFAULTS, **self.scenario.words, **dict(self.contender.words)}
        if self.contender.log:
            words["log"] = self.contender.log
        # NGINX has variables of its own, which look the same.
        return values | {name: string.Template(text).safe_substitute(values)
                         for name, text in words.items()}

    def cpu_seconds(self):
        """(user, system) of all processes, those of the far one included."""
        user, system = cpu_seconds(self.pid)
        far = self._far.cpu_seconds() if self._far else (0, 0)
        return user + far[0], system + far[1]

    def resident_bytes(self):
        return resident_bytes(self.pid) + (self._far.resident_bytes() if self._far else 0)

    def close(self):
        self.process.stop(seconds=3)
        if self._far:
            self._far.close()
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
