"""Templates are compiled once for all applications of the tests. For each anew it would take 0.2 s."""

import tempfile

from flask import Flask
from jinja2 import FileSystemBytecodeCache


def use() -> None:
    """Keep what is compiled in a folder that is removed when this process ends."""
    _folders.append(tempfile.TemporaryDirectory(prefix="templates-"))
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": FileSystemBytecodeCache(_folders[0].name)}


_folders: list[tempfile.TemporaryDirectory[str]] = []
