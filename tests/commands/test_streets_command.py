"""`python tracker.py streets FILE`: checks an archive and puts it beside the database."""

from pathlib import Path

from archive import Drawn, write_archive
from harness import run_tracker

ROADS = [Drawn("roads", "LineString", [(24.0, 35.5), (24.01, 35.5)]), Drawn("earth", "Point", [(24.0, 35.5)])]


def test_archive_is_put_beside_the_database(tmp_path: Path) -> None:
    """The command says what the archive has. Repeated, it replaces the archive. It makes no database."""
    source = tmp_path / "from" / "My city.pmtiles"
    source.parent.mkdir()
    write_archive(source, ROADS, range(10, 13))
    for _ in range(2):
        done = run_tracker(tmp_path, "streets", str(source))
        assert done.returncode == 0, done.stderr
        assert "Protomaps schema, for the zooms 10 to 12" in done.stdout
    assert [path.name for path in (tmp_path / "streets").iterdir()] == ["My-city.pmtiles"]
    assert (tmp_path / "streets" / "My-city.pmtiles").read_bytes() == source.read_bytes()
    assert not (tmp_path / "tracker.db").exists()


def test_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.pmtiles").write_bytes(b"something else")
    for name, reason in (("odd.pmtiles", "is not a PMTiles archive"), ("none.pmtiles", "No such file")):
        done = run_tracker(tmp_path, "streets", str(tmp_path / name))
        assert done.returncode == 2
        assert reason in done.stderr
    assert not (tmp_path / "streets").exists()
