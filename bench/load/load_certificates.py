"""Certificates for one run, made by the openssl program: an authority, a server, and a caller."""

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

TRUST_DOMAIN = "load.test"
SERVER_NAME = "origin"
# One suite and one group for every client, so that no contender does cheaper work than another.
SUITE = "TLS_AES_128_GCM_SHA256"
GROUP = "X25519"

_AUTHORITY = """\
[req]
distinguished_name = name
x509_extensions = authority
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_LEAF = """\
[req]
distinguished_name = name
x509_extensions = leaf
[name]
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:{name}, URI:spiffe://{domain}/{name}
"""
_CLIENT = """\
openssl_conf = programs
[programs]
ssl_conf = ssl
[ssl]
system_default = every
[every]
MinProtocol = TLSv1.3
Ciphersuites = {suite}
Groups = {group}
"""


def _request(folder, name, extensions, *more):
    config = folder / f"{name}.cnf"
    config.write_text(extensions)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-config", config,
         "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt", *more],
        check=True, capture_output=True)


@cache
def directory():
    """Made once, gone at the end of the run. ca.crt; server and caller: .crt, .key, both in .pem;
    client.cnf is what OPENSSL_CONF says to load generators that have no options of their own."""
    folder = Path(tempfile.mkdtemp(prefix="weir-load-tls-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    _request(folder, "ca", _AUTHORITY)
    for name, called in (("server", SERVER_NAME), ("caller", "caller")):
        _request(folder, name, _LEAF.format(name=called, domain=TRUST_DOMAIN),
                 "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key")
        both = [(folder / f"{name}.{end}").read_text() for end in ("crt", "key")]
        (folder / f"{name}.pem").write_text("".join(both))
    (folder / "client.cnf").write_text(_CLIENT.format(suite=SUITE, group=GROUP))
    return folder
