"""A local folder as a store: what the patterns find, names as text, and that nothing outside of it is ever opened."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.sources.connector import Found, Incomplete
from assets.sources.folder import Folder
from assets.sources.tree import LocalTree, told, untold
from warehouse.landing import Unreadable


def write(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


def refusals(found: list[Found]) -> dict[str, str | None]:
    return {each.path: each.refused and each.refused[0] for each in found}


@contextmanager
def nobody() -> Iterator[None]:
    """What follows is done by someone who may not read everything, as root may."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may look into, unlike pytest's own."""
    with TemporaryDirectory(prefix="gouji-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_files_come_in_code_point_order_with_size_and_time_once_whatever_fits(tmp_path: Path) -> None:
    for name in ("fees-2023.csv", "fees-2023-补报.csv", "Fees.csv", "fees-２.csv", "other.csv"):
        write(tmp_path / "fees" / name, name)
    os.utime(tmp_path / "fees" / "Fees.csv", ns=(1, 1_700_000_000_123_456_789))
    found = Folder(tmp_path).found(["fees/[Ff]ees*", "**/fees*", "*/*.xlsx"])
    assert [each.path for each in found] == [f"fees/{n}" for n in ("Fees.csv", "fees-2023-补报.csv", "fees-2023.csv", "fees-２.csv")]
    assert found[0] == Found("fees/Fees.csv", 8, 1_700_000_000_123_456_789)
    assert Folder(tmp_path).fetch(found[0], tmp_path / "nowhere") == tmp_path / "fees" / "Fees.csv"


names = st.sampled_from(["a", "b", "ab", "a.csv", "B.csv", "[x]", ".h"])
parts = st.sampled_from(["*", "**", "a*", "*.csv", "?", "[ab]", "a", ".*", "[[]x]"])


@settings(max_examples=60, deadline=None)
@given(st.sets(st.lists(names, min_size=1, max_size=3).map("/".join), max_size=8), st.lists(parts, min_size=1, max_size=3).map("/".join))
def test_patterns_mean_what_they_mean_to_pathlib(paths: set[str], pattern: str) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for path in sorted(paths, key=len, reverse=True):  # what is a folder already is no file
            if not (root / path).exists() and not any(p.is_file() for p in (root / path).parents):
                write(root / path)
        expected = sorted({p.relative_to(root).as_posix() for p in root.glob(pattern) if p.is_file()})
        assert [found.path for found in Folder(root).found([pattern])] == expected


def test_links_are_refused_and_never_followed(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    write(elsewhere / "fees" / "fees.csv", "secret")
    write(root / "fees" / "fees.csv")
    (root / "fees" / "fees-out.csv").symlink_to(elsewhere / "fees" / "fees.csv")
    (root / "fees" / "fees-in.csv").symlink_to("fees.csv")
    (root / "fees" / "fees-gone.csv").symlink_to("nothing")
    (root / "fees" / "fees-circle.csv").symlink_to("fees-circle.csv")
    (root / "fees" / "other.csv").symlink_to("fees.csv")
    (root / "way").symlink_to(elsewhere)
    found = Folder(root).found(["fees/fees*", "way/*/fees*", "../elsewhere/*/*"])
    assert refusals(found) == {
        "fees/fees.csv": None,
        "fees/fees-circle.csv": "symlink",
        "fees/fees-gone.csv": "symlink",
        "fees/fees-in.csv": "symlink",
        "fees/fees-out.csv": "outside",
        "way": "outside",
    }
    assert all("链接" in each.refused[1] for each in found if each.refused)
    for each in found:
        if each.refused:
            with pytest.raises(Unreadable):
                Folder(root).fetch(each, tmp_path)
    for path in ("way/fees/fees.csv", "../elsewhere/fees/fees.csv", "/etc/passwd", "fees/../fees/fees.csv", "fees", "fees/\0"):
        with pytest.raises(Unreadable):
            Folder(root).fetch(Found(path, 1, 1), tmp_path)


def test_a_link_that_is_swapped_in_after_listing_is_not_handed_over(tmp_path: Path) -> None:
    secret = write(tmp_path / "elsewhere" / "fees.csv", "secret")
    file = write(tmp_path / "root" / "fees" / "fees.csv")
    store = Folder(tmp_path / "root")
    (found,) = store.found(["fees/*"])
    file.unlink()
    file.symlink_to(secret)
    with pytest.raises(Unreadable, match="链接"):
        store.fetch(found, tmp_path)
    file.unlink()
    file.parent.rmdir()
    file.parent.symlink_to(secret.parent)
    with pytest.raises(Unreadable):
        store.fetch(found, tmp_path)
    with pytest.raises(OSError):
        LocalTree(store.root).entries("fees")


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path / "drive" / "fees.csv")
    (tmp_path / "records").symlink_to(tmp_path / "drive")
    assert refusals(Folder(tmp_path / "records").found(["*.csv"])) == {"fees.csv": None}


def test_what_is_no_file_is_refused_and_does_not_hold_anything_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fees-1.csv")
    (tmp_path / "fees-2.csv").mkdir()
    (found,) = Folder(tmp_path).found(["fees*"])
    assert refusals([found]) == {"fees-1.csv": "not_a_file"}
    with pytest.raises(Unreadable):
        Folder(tmp_path).fetch(found, tmp_path)


def test_a_name_that_is_not_utf_8_is_told_and_found_again(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/fees-\xb2\xb9.csv"
    write(tmp_path / "x", "money")
    os.rename(tmp_path / "x", raw)  # noqa: PTH104 - a Path has no such name
    (found,) = Folder(tmp_path).found(["fees*"])
    assert found.path == r"fees-\xb2\xb9.csv" and found.refused is None
    assert Folder(tmp_path).fetch(found, tmp_path).read_text() == "money"


def test_a_name_that_would_be_told_like_another_or_breaks_lines_is_refused(tmp_path: Path) -> None:
    for name in (r"fees-\xb2.csv", "fees\n1.csv", "fees\u20281.csv", r"fees\ok.csv"):
        write(tmp_path / name)
    write(tmp_path / "fees\t2" / "fees.csv")
    found = Folder(tmp_path).found(["fees*", "*/fees*"])
    assert refusals(found) == {
        r"fees-\xb2.csv": "bad_name",
        r"fees\n1.csv": "bad_name",
        r"fees\u20281.csv": "bad_name",
        r"fees\ok.csv": None,
        r"fees\t2/fees.csv": "bad_name",
    }


@given(st.binary(max_size=12).filter(lambda raw: b"\\" not in raw))
def test_a_name_is_told_as_text_in_one_line_and_found_again(raw: bytes) -> None:
    name = raw.decode("utf-8", "surrogateescape")
    text = told(name)
    assert len(text.encode("utf-8").splitlines()) <= 1 and len(text.splitlines()) <= 1
    if not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in name):
        assert os.fsencode(untold(text)) == raw


def test_a_folder_that_does_not_exist_has_no_files(tmp_path: Path) -> None:
    assert Folder(tmp_path / "nothing").found(["*"]) == []


def test_a_root_that_is_a_file_is_not_taken_for_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(Incomplete) as caught:
        Folder(write(tmp_path / "file")).found(["*"])
    assert caught.value.reason == "unreadable_folder"


@pytest.mark.parametrize(("closed", "says"), [("", "来源文件夹"), ("fees", "文件夹“fees”")])
def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(open_folder: Path, closed: str, says: str) -> None:
    write(open_folder / "fees" / "fees.csv")
    (open_folder / closed).chmod(0)
    with nobody(), pytest.raises(Incomplete) as caught:
        Folder(open_folder).found(["*/*"])
    (open_folder / closed).chmod(0o755)
    assert caught.value.reason == "unreadable_folder"
    assert caught.value.detail.startswith(says) and str(open_folder) not in caught.value.detail


def test_a_file_that_may_not_be_read_is_found_and_unreadable(open_folder: Path) -> None:
    write(open_folder / "fees-1.csv").chmod(0)
    write(open_folder / "fees-2.csv")
    store = Folder(open_folder)
    with nobody():
        one, two = store.found(["fees*"])
        assert store.fetch(two, open_folder).name == "fees-2.csv"
        with pytest.raises(Unreadable, match="Permission denied"):
            store.fetch(one, open_folder)


def test_a_file_without_a_status_is_not_lost(open_folder: Path) -> None:
    write(open_folder / "fees" / "fees.csv")
    (open_folder / "fees").chmod(0o744)  # names can be read, nothing about them
    with nobody():
        (found,) = Folder(open_folder).found(["fees/*"])
        assert (found.path, found.refused) == ("fees/fees.csv", None)
        with pytest.raises(Unreadable):
            Folder(open_folder).fetch(found, open_folder)


def test_a_file_that_is_gone_is_unreadable(tmp_path: Path) -> None:
    file = write(tmp_path / "fees.csv")
    (found,) = Folder(tmp_path).found(["*"])
    file.unlink()
    with pytest.raises(Unreadable, match="No such file"):
        Folder(tmp_path).fetch(found, tmp_path)
