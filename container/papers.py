"""Write what an image is made of: a bill of materials (CycloneDX 1.6), and a list of licences.

    python3 papers.py ENVIRONMENT ROOT PAPERS

Of the distributions in the environment, the Debian packages that files below the root came from, what the page runs in a
browser, and the models. The texts of the licences lie beside what they are for: `*.dist-info/licenses`,
`/usr/share/doc/*/copyright`, `serving/page/runtime/LICENSE`.
"""

import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

Component = dict[str, Any]


def main(environment: Path, root: Path, papers: Path) -> None:
    """Write sbom.cdx.json and licences.txt, and copy the Debian packages' own texts."""
    folder = papers / "usr/share/doc/digits"
    folder.mkdir(parents=True)
    site = next(environment.glob("lib/python3*/site-packages"))
    components = [_python(), *_distributions(site), *_packages(root, papers), _web(site), *_models(site)]
    (itself,) = (one for one in components if one["name"] == "digits")
    components.remove(itself)
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": itself | {"type": "application"}},
        "components": components,
    }
    (folder / "sbom.cdx.json").write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
    lines = [f"{one['name']} {one.get('version', '')}: {_told(one)}\n" for one in (itself, *components)]
    (folder / "licences.txt").write_text("".join(lines), encoding="utf-8")


def _component(kind: str, name: str, version: str, licence: list[Component], **more: Any) -> Component:
    return {"type": kind, "name": name, "version": version, "licenses": licence, **more}


def _named(*names: str) -> list[Component]:
    return [{"license": {"name": name}} for name in names]


def _told(component: Component) -> str:
    licences = component["licenses"]
    return ", ".join(one.get("expression") or one["license"]["name"] for one in licences) or "see its own text"


def _python() -> Component:
    version = platform.python_version()
    return _component("platform", "python", version, [{"expression": "PSF-2.0"}], purl=f"pkg:generic/python@{version}")


def _distributions(site: Path) -> Iterator[Component]:
    found = {one.metadata["Name"].lower().replace("_", "-"): one for one in metadata.distributions(path=[str(site)])}
    for name, one in sorted(found.items()):
        purl = f"pkg:pypi/{name}@{one.version}"
        yield _component("library", name, one.version, _licence(one.metadata), purl=purl, **{"bom-ref": purl})


def _licence(told: metadata.PackageMetadata) -> list[Component]:
    """What a distribution says of its licence: the newest of the three ways that it uses."""
    if expressions := told.get_all("License-Expression"):
        return [{"expression": expressions[0]}]
    classifiers = [line.split(" :: ")[-1] for line in told.get_all("Classifier") or () if line.startswith("License ::")]
    free = "".join(told.get_all("License") or ()).strip().splitlines()[:1]
    return _named(*(classifiers or free))


def _packages(root: Path, papers: Path) -> Iterator[Component]:
    """Of Debian, by the files that were taken of them."""
    files = [f"/{file.relative_to(root)}" for file in (root / "usr").rglob("*") if file.is_file() and file.suffix != ".pyc"]
    files += [file.removeprefix("/usr") for file in files]  # the list of a package may tell of either
    told = subprocess.run(["dpkg-query", "-S", *files], capture_output=True, text=True, check=False).stdout
    owners = {owner.split(":")[0] for line in told.splitlines() for owner in line.rsplit(": ", 1)[0].split(", ")}
    for name in sorted(owners | {"ca-certificates"}):  # whose one file is put together when it is installed
        shown = ["dpkg-query", "-W", "-f", "${Version} ${Architecture}\n", name]
        version, architecture = subprocess.run(shown, capture_output=True, text=True, check=True).stdout.split()[:2]
        licences: list[str] = []
        text = Path("/usr/share/doc") / name / "copyright"
        if text.is_file():
            copied = papers / text.relative_to("/")
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(text, copied)
            licences = _short_names(text.read_text(encoding="utf-8", errors="replace"))
        purl = f"pkg:deb/debian/{name}@{version}?arch={architecture}"
        yield _component("library", name, version, _named(*dict.fromkeys(licences)), purl=purl, **{"bom-ref": purl})


def _web(site: Path) -> Component:
    """ONNX Runtime for browsers, as its own description has it."""
    told = json.loads((site / "serving/page/runtime/package.json").read_text(encoding="utf-8"))
    name, version = told["name"], told["version"]
    purl = f"pkg:npm/{name}@{version}"
    return _component("library", name, version, [{"expression": told["license"]}], purl=purl, **{"bom-ref": purl})


def _short_names(copyright_: str) -> list[str]:
    """The licences that a text in Debian's machine-readable form names; of any other form none."""
    return re.findall(r"^License:[ \t]*(\S.*)$", copyright_, re.MULTILINE) if copyright_.startswith("Format:") else []


def _models(site: Path) -> Iterator[Component]:
    for file in sorted(site.glob("serving/packed_models/*/model.onnx")):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        name = file.parent.name
        hashes = [{"alg": "SHA-256", "content": digest}]
        yield _component("machine-learning-model", name, digest[:12], [{"expression": "Apache-2.0"}], hashes=hashes)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
