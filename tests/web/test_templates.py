"""Templates are compiled beside the first requests, one at a time."""

import gevent
from flask import Flask

from web.app import compile_templates


def test_all_templates_are_compiled_with_pauses(app: Flask) -> None:
    """Others run between two of them, and no request compiles one afterwards."""
    turns = 0

    def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0)

    beside = gevent.spawn(other)
    compile_templates(app)
    beside.kill()
    names = app.jinja_env.list_templates()
    assert turns >= len(names) > 30
    assert app.jinja_env.cache is not None
    assert {name for _, name in app.jinja_env.cache} >= set(names)
