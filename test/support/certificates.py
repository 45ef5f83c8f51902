"""Certificate authorities and certificates for tests, made with python3-cryptography (P-256).

The layouts are those that Kubernetes and SPIFFE's helpers write: see Directory.
"""

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from needs import need_module

x509 = need_module("cryptography.x509", "python3-cryptography")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """PEM texts; `certificate` is the chain, the leaf first."""

    certificate: str
    key: str

    def write(self, directory, name):
        """The paths of both files."""
        paths = Path(directory) / f"{name}.crt", Path(directory) / f"{name}.key"
        for path, text in zip(paths, (self.certificate, self.key)):
            path.write_text(text)
        return paths


class Authority:
    def __init__(self, name="authority", parent=None):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._parent = parent
        issuer = parent or self
        subject = _name(name)
        self._name = subject
        self._certificate = (
            _builder(subject, issuer._name, self._key.public_key(), -DAY, 365 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False,
                                         False), critical=True)
            .sign(issuer._key, hashes.SHA256()))

    @property
    def pem(self):
        return _pem(self._certificate)

    def issue(self, name="localhost", spiffe=None, begins=-DAY, ends=DAY, key="ec", uris=(),
              dns=()):
        """A certificate for the host `name`, for a SPIFFE id on this machine, or for `uris` and
        `dns`, whatever they are."""
        key = (rsa.generate_private_key(65537, 2048) if key == "rsa" else
               ec.generate_private_key(ec.SECP256R1()))
        names = ([x509.UniformResourceIdentifier(spiffe), x509.DNSName("localhost")] if spiffe else
                 [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        names = [*map(x509.UniformResourceIdentifier, uris), *map(x509.DNSName, dns)] or names
        certificate = (
            _builder(_name(name), self._name, key.public_key(), begins, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False,
                                         False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH,
                                                  ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256()))
        chain = _pem(certificate) + (self.pem if self._parent else "")
        return Pair(chain, key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode())


class Directory:
    """A directory that is filled and renewed as Kubernetes does it (a Secret: everything behind the
    link `..data`, which is swapped) or as SPIFFE's helper does it (files rewritten one by one)."""

    KUBERNETES = ("tls.crt", "tls.key", "ca.crt")
    SPIFFE = ("svid.pem", "svid_key.pem", "bundle.pem")

    def __init__(self, path, layout=KUBERNETES):
        self.path = Path(path)
        self.path.mkdir()
        self.layout = layout
        self._version = 0

    def fill(self, pair, bundle):
        texts = dict(zip(self.layout, (pair.certificate, pair.key, bundle)))
        if self.layout == self.SPIFFE:
            for name, text in texts.items():
                (self.path / name).write_text(text)
        else:
            self._swap(texts)
        return self

    def _swap(self, texts):
        self._version += 1
        new = self.path / f"..{self._version}"
        new.mkdir()
        for name, text in texts.items():
            (new / name).write_text(text)
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(f"..data/{name}")
        (self.path / "..data_tmp").symlink_to(new.name)
        os.rename(self.path / "..data_tmp", self.path / "..data")


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject, issuer, key, begins, ends):
    now = datetime.datetime.utcnow()
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins).not_valid_after(now + ends))


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
