#!/usr/bin/env python3
"""Lays out the root file system of weir's image: the program, the shared libraries that it needs,
certificates, one user, the licences of what was copied, and an SBOM.

    docker/assemble.py --weir build/release/weir --into DIRECTORY
    docker/assemble.py --weir build/release/weir --into DIRECTORY --with-iptables

It runs on Debian, in the build stage of docker/Dockerfile or on a machine that has built weir, and
asks the dynamic linker and dpkg what belongs into the image: nothing is listed by name.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import sbom

USER = 2102
PACKAGES = Path(__file__).resolve().parent.parent / "test/packages"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# Where the dynamic linker looks without a cache.
LIBRARY_FOLDERS = re.compile(r"/usr/lib(64|/[a-z0-9_]+-linux-gnu[a-z0-9]*)?")
# What `weir iptables` runs, beside `ip` for TPROXY; both kinds, because which one a node uses is
# not ours to decide.
IPTABLES = [f"{command}{kind}{verb}" for command in ("iptables", "ip6tables")
            for kind in ("", "-nft", "-legacy") for verb in ("", "-restore", "-save")]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def canonical(path):
    """The path with its folders resolved, /lib being /usr/lib, but under its own name: libraries
    are looked for by their soname, which is mostly a link."""
    path = Path(path)
    return path.parent.resolve() / path.name


def libraries_of(program):
    """What the dynamic linker loads for it, itself included."""
    listing = run("ldd", program)
    if "not found" in listing:
        sys.exit(f"{program} misses libraries:\n{listing}")
    return {canonical(path) for path in re.findall(r"(/\S+) \(0x", listing)}


def named_for_the_build():
    lines = PACKAGES.read_text().splitlines()
    return {name for line in lines if line.startswith("build ") for name in line.split()[1:]}


class Root:
    """The folder that becomes the image's root."""

    def __init__(self, folder):
        self.folder = folder
        self.copied = {}  # path in the image -> where it came from
        shutil.rmtree(folder, ignore_errors=True)
        for path in ("etc/weir", "usr/lib64", "usr/share/sbom"):
            (folder / path).mkdir(parents=True)
        self.link("/lib", "usr/lib")
        self.link("/lib64", "usr/lib64")

    def at(self, path):
        path = self.folder / str(path).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def copy(self, source, to=None, mode=0o644):
        to = str(to or source)
        shutil.copyfile(source, self.at(to))
        self.at(to).chmod(mode)
        self.copied[to] = Path(source).resolve()

    def write(self, path, text):
        self.at(path).write_text(text)

    def link(self, path, target):
        self.at(path).symlink_to(target)

    def add_libraries(self, program):
        for library in libraries_of(program):
            if not LIBRARY_FOLDERS.fullmatch(str(library.parent)):
                sys.exit(f"{library}: the dynamic linker would not look there")
            self.copy(library, mode=0o755)

    def add_program(self, name):
        """The program itself, under the name that its links lead to."""
        found = shutil.which(name, path="/usr/sbin:/usr/bin")
        if found is None:
            sys.exit(f"{name} is not installed")
        program = Path(found).resolve()
        if str(program) not in self.copied:
            self.copy(program, mode=0o755)
            self.add_libraries(program)
        return program

    def add_iptables(self):
        self.add_program("ip")
        for name in IPTABLES:
            self.link(f"/usr/sbin/{name}", self.add_program(name).name)
        for extension in Path("/usr/lib").glob("*/xtables/*.so"):
            self.add_libraries(extension)
            self.copy(extension)
        self.link("/sbin", "usr/sbin")
        self.link("/bin", "usr/bin")

    def add_accounts_and_certificates(self):
        self.write("/etc/passwd", f"weir:x:{USER}:{USER}:weir:/:/sbin/nologin\n")
        self.write("/etc/group", f"weir:x:{USER}:\n")
        self.copy(CERTIFICATES)
        # Where OpenSSL looks when it is told nothing.
        self.link("/usr/lib/ssl/cert.pem", str(CERTIFICATES))
        self.link("/usr/lib/ssl/certs", str(CERTIFICATES.parent))
        self.copy("/etc/os-release")

    def add_packages(self, packages):
        """Licences, and dpkg's records where scanners look for them in an image without dpkg."""
        for package in packages:
            package.files.append(f"/usr/share/doc/{package.name}/copyright")
            self.copy(package.files[-1])
            self.write(f"/var/lib/dpkg/status.d/{package.name}", package.record)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", required=True, type=Path, help="the program")
    parser.add_argument("--into", required=True, type=Path, help="the folder; emptied first")
    parser.add_argument("--with-iptables", action="store_true", help="for `weir iptables apply`")
    options = parser.parse_args()
    options.weir = options.weir.resolve()
    os.umask(0o022)

    root = Root(options.into)
    run("strip", "-o", root.at("/weir"), options.weir)
    root.at("/weir").chmod(0o755)
    root.add_libraries(options.weir)
    if options.with_iptables:
        root.add_iptables()
    root.add_accounts_and_certificates()
    packages = sbom.packages_of(root.copied)
    root.add_packages(packages)
    version = run(options.weir, "--version").split()[-1]
    root.write("/usr/share/sbom/weir.spdx.json",
               sbom.document(root.folder, version, packages,
                             sbom.build_packages(named_for_the_build())))
    size = sum(path.stat().st_size for path in root.folder.rglob("*") if path.is_file())
    print(f"{options.into}: weir {version}, {len(packages)} packages, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
