"""The SBOM of the image, an SPDX 2.3 document made from what dpkg knows of the files copied.

https://spdx.github.io/spdx-spec/v2.3/. Licences are what Debian's machine-readable copyright files
say of a package as a whole, where that has a name in SPDX's list; else NOASSERTION and a comment.
"""

import hashlib
import json
import os
import re
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

# Debian's short names, as far as they are not SPDX's own.
SPDX_NAMES = {
    "Expat": "MIT", "BSD-2-clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause",
    "GPL-2": "GPL-2.0-only", "GPL-2+": "GPL-2.0-or-later", "GPL-2.0+": "GPL-2.0-or-later",
    "GPL-3": "GPL-3.0-only", "GPL-3+": "GPL-3.0-or-later", "LGPL-2.1": "LGPL-2.1-only",
    "LGPL-2.1+": "LGPL-2.1-or-later", "LGPL-3+": "LGPL-3.0-or-later"}
SPDX_OWN = {"X11", "MIT", "Zlib", "BSL-1.0", "Apache-2.0", "MPL-2.0", "ISC", "BSD-2-Clause",
            "BSD-3-Clause"}
# Whose copyright files are prose, or say it in parts only.
KNOWN_BY_SOURCE = {"ca-certificates": "GPL-2.0-or-later AND MPL-2.0",
                   "glibc": "LGPL-2.1-or-later",
                   "gcc-12": "GPL-3.0-or-later WITH GCC-exception-3.1"}
UNKNOWN = "NOASSERTION"


@dataclass
class Package:
    """A Debian package of which something was copied."""
    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    homepage: str
    record: str  # dpkg's, whole
    licence: str
    licence_comment: str
    files: list = field(default_factory=list)  # paths in the image

    @property
    def id(self):
        return "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]", "-", self.name)


def _dpkg(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def _owners(files):
    """file -> the package that it belongs to; packages may know /usr/lib as /lib."""
    names = {}
    for file in files:
        names[str(file)] = names[str(file).removeprefix("/usr")] = file
    # It fails when one is nobody's, and tells the others all the same.
    said = subprocess.run(["dpkg-query", "-S", *names], capture_output=True, text=True).stdout
    found = re.findall(r"^([^:,\s]+)[^/]*: (/.*)$", said, re.MULTILINE)
    return {names[path]: package for package, path in found if path in names}


def _licence(source, copyright_file):
    text = copyright_file.read_text(errors="replace")
    whole = re.search(r"^Files:\s*\*\s*\n(?:.+\n)*?License:[ \t]*(.+)", text, re.MULTILINE)
    said = whole.group(1).strip() if whole and text.startswith("Format:") else ""
    if said in SPDX_OWN:
        return said, ""
    if said in SPDX_NAMES:
        return SPDX_NAMES[said], ""
    if source in KNOWN_BY_SOURCE:
        return KNOWN_BY_SOURCE[source], "read from the package's copyright file"
    return UNKNOWN, f"Debian calls it: {said}" if said else "see the package's copyright file"


def _package(name):
    fields = ("Package", "Version", "Architecture", "source:Package", "source:Version", "Homepage")
    values = _dpkg("dpkg-query", "-W", "-f", "\\t".join(f"${{{one}}}" for one in fields), name)
    package, version, architecture, source, source_version, homepage = values.split("\t")
    licence, comment = _licence(source, Path(f"/usr/share/doc/{name}/copyright"))
    return Package(package, version, architecture, source, source_version, homepage,
                   _dpkg("dpkg-query", "-s", name), licence, comment)


def packages_of(copied):
    """The packages behind `copied`, a path in the image for each path here, by name."""
    packages = {}
    owners = _owners(copied.values())
    for path, origin in sorted(copied.items()):
        # The bundle is made by the package's script, and is nobody's file.
        name = "ca-certificates" if path.startswith("/etc/ssl/") else owners.get(origin)
        if name is None:
            raise SystemExit(f"{origin} belongs to no package")
        if name not in packages:
            packages[name] = _package(name)
        packages[name].files.append(path)
    return [packages[name] for name in sorted(packages)]


def build_packages(names):
    """What was there to build from: headers become part of the program too."""
    return [_package(name) for name in sorted(names)
            if _dpkg("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", name).startswith("ii")]


def _file(root, path):
    content = (root / path.lstrip("/")).read_bytes()
    return {"SPDXID": "SPDXRef-File-" + hashlib.sha256(path.encode()).hexdigest()[:16],
            "fileName": "." + path,
            "checksums": [
                {"algorithm": "SHA1", "checksumValue": hashlib.sha1(content).hexdigest()},
                {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()}],
            "licenseConcluded": UNKNOWN, "copyrightText": UNKNOWN}


def _debian(package):
    said = {"SPDXID": package.id, "name": package.name, "versionInfo": package.version,
            "supplier": "Organization: Debian", "downloadLocation": UNKNOWN,
            "filesAnalyzed": False,
            "sourceInfo": f"built from {package.source} {package.source_version}",
            "licenseDeclared": package.licence, "licenseConcluded": UNKNOWN,
            "copyrightText": UNKNOWN,
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                "referenceLocator": f"pkg:deb/debian/{package.name}@{_quoted(package.version)}"
                                    f"?arch={package.architecture}&distro=debian-12"}]}
    if package.homepage:
        said["homepage"] = package.homepage
    if package.licence_comment:
        said["licenseComments"] = package.licence_comment
    return said


def _quoted(version):
    return version.replace(":", "%3A").replace("+", "%2B")


def _weir(version):
    return {"SPDXID": "SPDXRef-Package-weir", "name": "weir", "versionInfo": version,
            "supplier": UNKNOWN, "downloadLocation": UNKNOWN, "filesAnalyzed": False,
            "primaryPackagePurpose": "APPLICATION", "licenseDeclared": UNKNOWN,
            "licenseConcluded": UNKNOWN, "copyrightText": UNKNOWN}


def _relation(one, kind, other):
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def document(root, version, packages, built_with):
    """The document as JSON: weir, the packages, every file that came from them, and what weir was
    built with."""
    weir, program = _weir(version), _file(root, "/weir")
    files = [program]
    relations = [_relation("SPDXRef-DOCUMENT", "DESCRIBES", weir["SPDXID"]),
                 _relation(weir["SPDXID"], "CONTAINS", program["SPDXID"])]
    for package in packages:
        relations.append(_relation(weir["SPDXID"], "DEPENDS_ON", package.id))
        for path in package.files:
            files.append(_file(root, path))
            relations.append(_relation(package.id, "CONTAINS", files[-1]["SPDXID"]))
    for package in built_with:
        relations.append(_relation(package.id, "BUILD_DEPENDENCY_OF", weir["SPDXID"]))
    made_at = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    return json.dumps({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"weir-{version}",
        "documentNamespace": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "creationInfo": {"created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made_at)),
                         "creators": ["Tool: weir-docker-sbom"]},
        "packages": [weir, *map(_debian, [*packages, *built_with])], "files": files,
        "relationships": relations,
    }, indent=1) + "\n"
