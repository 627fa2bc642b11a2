"""The pages' own files, from memory, at addresses that change with their content.

The files of static/ are read when the server starts. Their version is a hash of all of them, and a part of
each address: /static/VERSION/js/pages/map.js. Modules import each other by relative paths, so all files of a
page are of one version. Browsers keep such files for a year and ask for nothing. A server that runs on while
its files are replaced still sends those of its start.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import posixpath
import re
import time
from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import brotli
from flask import Flask, Response, abort, request

from web import auth, encodings

AGE_S = 365 * 24 * 3600  # for which browsers keep a file at an address with its version
VERSION_LENGTH = 12  # hexadecimal digits
VERSIONED = re.compile(rf"([0-9a-f]{{{VERSION_LENGTH}}})/(.+)")
LOOK_AGAIN_S = 1.0  # a request for an unknown version reads the files again, but not more often
MIN_PACKED = 200  # bytes: smaller files are sent as they are
BROTLI, GZIP = 5, 9  # their levels; brotli's 9 takes fifteen times as long for 0.3 %
# Modules that a page loads as one file. Each request takes a round trip, and a browser makes six at a time.
JOINED = {"js/pages/map.joined.js": ("js/pages/sent-once.js", "js/pages/every-page.js", "js/pages/map.js")}
IMPORT = re.compile(r'^import (?:(\{[^}]*\}) from )?"(\.[^"]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (async function|function|class|const) ([\w$]+)", re.MULTILINE)
COMMENT = re.compile(r"^ */\*\*(?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)  # that documents what follows


class Files:
    """All files of a folder as they were at one moment, by their paths within it."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        self._contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        self._packed: dict[tuple[str, str], bytes] = {}

    @cached_property
    def version(self) -> str:
        """A hash of all names and contents."""
        found = hashlib.sha256()
        for name, content in self._contents.items():
            found.update(f"{name}\0{len(content)}\0".encode() + content)
        return found.hexdigest()[:VERSION_LENGTH]

    def __contains__(self, name: str) -> bool:
        return name in self._contents or name in JOINED

    def content(self, name: str, encoding: str) -> bytes:
        """Return a file as it is (""), or compressed by "br" or "gzip". Each is compressed once."""
        plain = self._plain(name)
        if not encoding:
            return plain
        key = name, encoding
        if key not in self._packed:
            packed = brotli.compress(plain, quality=BROTLI) if encoding == "br" else _gzip(plain)
            self._packed[key] = packed
        return self._packed[key]

    def is_packable(self, name: str) -> bool:
        return len(self._plain(name)) >= MIN_PACKED

    def _plain(self, name: str) -> bytes:
        if name in JOINED and name not in self._contents:
            modules = {each: self._contents[each].decode() for each in self._with(JOINED[name])}
            return self._contents.setdefault(name, joined(modules))
        return self._contents[name]

    def _with(self, entries: Iterable[str]) -> list[str]:
        """Return modules with all that they import, directly or not, each once and after its imports."""
        found: dict[str, None] = {}

        def add(name: str) -> None:
            if name in found or name not in self._contents:
                return
            for _, path in IMPORT.findall(self._contents[name].decode()):
                add(target(name, path))
            found[name] = None

        for entry in entries:
            add(entry)
        return list(found)


def target(name: str, path: str) -> str:
    """Return the name of the file that a module imports by a relative path."""
    return posixpath.normpath(f"{posixpath.dirname(name)}/{path}")


def joined(modules: Mapping[str, str]) -> bytes:
    """Return one module with the code of these, which come after their imports.

    Each becomes a function that returns its exports, so names of different modules don't meet. Our modules
    have no circular imports, no default exports, and no variables that change after the export.
    """
    numbers = {name: f"m{number}" for number, name in enumerate(modules)}
    parts = []
    for name, number in numbers.items():
        exports = [exported for _, exported in EXPORT.findall(modules[name])]
        code = IMPORT.sub(partial(_as_constant, numbers, name), COMMENT.sub("", modules[name]))
        code = EXPORT.sub(r"\1 \2", code).replace("export {};", "")
        returned = f"return {{ {', '.join(exports)} }};" if exports else ""
        parts.append(f"// {name}\nconst {number} = (() => {{\n{code.strip()}\n{returned}\n}})();\n")
    return "".join(parts).encode()


def _as_constant(numbers: Mapping[str, str], name: str, found: re.Match[str]) -> str:
    """Return a constant in place of an import: `const { a, b: c } = m3;`."""
    names, path = found.groups()
    return f"const {names.replace(' as ', ': ')} = {numbers[target(name, path)]};" if names else ""


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, GZIP, mtime=0)


class StaticFiles:
    """The files of the server's start, and those of a newer version that came into the folder since.

    During an upgrade, another process on the same port may send pages of that newer version.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._current = Files(folder)
        self._newer: Files | None = None
        self._next_look = 0.0

    @cached_property
    def version(self) -> str:
        return self._current.version

    @property
    def files(self) -> Files:
        """The files of the server's start."""
        return self._current

    def find(self, path: str) -> tuple[Files, str, bool] | None:
        """Return the files, the name in them, and whether the path has their version; None if unknown."""
        versioned = VERSIONED.fullmatch(path)
        if not versioned:
            return (self._current, path, False) if path in self._current else None
        version, name = versioned.groups()
        files = self._of(version)
        return (files, name, True) if files is not None and name in files else None

    def _of(self, version: str) -> Files | None:
        if version == self.version:
            return self._current
        now = time.monotonic()
        if (self._newer is None or self._newer.version != version) and now >= self._next_look:
            self._next_look = now + LOOK_AGAIN_S
            self._newer = Files(self._folder)
        return self._newer if self._newer is not None and self._newer.version == version else None


def init_app(app: Flask, folder: Path) -> None:
    """Serve the files as the endpoint "static", and let `url_for` add the version to their addresses."""
    files = StaticFiles(folder)
    app.extensions["static_files"] = files
    app.add_url_rule("/static/<path:filename>", "static", auth.public(partial(_answer, files)))
    app.url_defaults(partial(_add_version, files))


def _add_version(files: StaticFiles, endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static":
        values["filename"] = f"{files.version}/{values['filename']}"


def _answer(files: StaticFiles, filename: str) -> Response:
    """Return a file, compressed if the browser takes that and does not ask for a range."""
    if (found := files.find(filename)) is None:
        abort(404)
    return _respond(*found)


def unversioned(app: Flask, name: str) -> Response:
    """Return the answer with a file of the server's start, which browsers ask for each time."""
    files: StaticFiles = app.extensions["static_files"]
    return _respond(files.files, name, is_versioned=False)


def _respond(files: Files, name: str, is_versioned: bool) -> Response:  # noqa: FBT001
    encoding = "" if request.range or not files.is_packable(name) else encodings.best()
    content = files.content(name, encoding)
    response = Response(content, mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream")
    response.vary.add("Accept-Encoding")
    if encoding:
        response.content_encoding = encoding
    response.set_etag(f"{files.version}-{encoding or 'plain'}")
    if is_versioned:
        response.cache_control.public = response.cache_control.immutable = True
        response.cache_control.max_age = AGE_S
    else:
        response.cache_control.no_cache = True
    response.make_conditional(request, accept_ranges=True, complete_length=len(content))
    return response
