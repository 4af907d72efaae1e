"""Access logs: which bytes are new after growth and rotation, what a line says, that no line is lost."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.sources import web_log
from assets.sources.files import Rejected
from assets.sources.web_log import HEAD, KnownRange, LostLines, Parsed, Range, new_range, parse

AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"


def combined(
    at: str = "10/Oct/2023:13:55:36 +0800", request: str = "GET / HTTP/1.1", tail: str = f'200 1 "-" "{AGENT}"', who: str = "10.0.0.1 - -"
) -> str:
    return f'{who} [{at}] "{request}" {tail}'


def as_json(**fields: object) -> str:
    return json.dumps({"time_iso8601": "2023-10-10T13:55:36+08:00", "status": 200} | fields)


def many(first: int, count: int) -> bytes:
    return "".join(combined(request=f"GET /{n} HTTP/1.1") + "\n" for n in range(first, first + count)).encode()


def unpacked(landed: Path) -> bytes:
    with pa.CompressedInputStream(str(landed), "zstd") as lines:
        return lines.read()


class Source:
    """A folder of logs and what was landed from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "source"
        self.folder.mkdir()
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.known: list[KnownRange] = []
        self.ends: list[bytes] = []  # of each known range, all of its log up to there

    def write(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    def range(self, name: str) -> Range | None:
        found = new_range(self.folder / name, name, self.known, self.spool)
        if found:
            content = (self.folder / name).read_bytes()
            content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
            for at, end in enumerate(self.ends):
                if end == content[: found.byte_from]:
                    self.known[at] = replace(self.known[at], is_continued=True)
            line_to = found.line_from + found.lines - 1
            self.known.append(KnownRange(found.head_sha256, found.head_bytes, found.byte_to, line_to, found.tail_sha256, False))
            self.ends.append(content[: found.byte_to])
        return found

    def look(self, name: str) -> tuple[int, bytes] | None:
        """Number of the first new line and the new bytes."""
        found = self.range(name)
        if not found:
            return None
        content = unpacked(found.file)
        assert len(content) == found.byte_to - found.byte_from
        assert found.head_bytes == min(web_log.HEAD, found.byte_to)
        assert found.tail_sha256 == hashlib.sha256(self.ends[-1][-web_log.HEAD :]).hexdigest()
        assert len(content.splitlines()) == found.lines
        return found.line_from, content

    def reject(self, name: str) -> str:
        with pytest.raises(Rejected) as caught:
            self.range(name)
        return caught.value.reason


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


OLD, NEW = many(0, 100), many(5000, 100)


@pytest.mark.parametrize("first", [1, 3, 100], ids=["one line", "less than a head", "more than a head"])
def test_a_log_that_has_grown_gives_the_lines_it_has_grown_by(source: Source, first: int) -> None:
    lines = OLD.splitlines(keepends=True)
    for seen, grown in ((0, first), (first, first + 1), (first + 1, first + 80)):
        content = b"".join([*lines, *NEW.splitlines(keepends=True)][:grown])
        source.write("access.log", content)
        assert source.look("access.log") == (seen + 1, b"".join(content.splitlines(keepends=True)[seen:]))
        assert source.look("access.log") is None


@pytest.mark.parametrize("cut", [1, 40, len(OLD.splitlines()[-1])])
def test_a_line_that_is_still_being_written_is_left_for_the_next_look(source: Source, cut: int) -> None:
    whole, last = OLD[: OLD.rindex(b"\n", 0, -1) + 1], OLD.splitlines(keepends=True)[-1]
    source.write("access.log", whole + last[:cut])
    assert source.look("access.log") == (1, whole)
    assert source.look("access.log") is None
    source.write("access.log", OLD)
    assert source.look("access.log") == (100, last)


@pytest.mark.parametrize("content", [b"", b"10.0.0.1 - - [10/Oct", b"\n"])
def test_logs_of_nearly_nothing(source: Source, content: bytes) -> None:
    source.write("access.log", content)
    assert source.look("access.log") == ((1, b"\n") if content == b"\n" else None)


def test_a_last_line_without_end_is_taken_from_gzip(source: Source) -> None:
    source.write("access.log.1.gz", OLD[:-1])
    assert source.look("access.log.1.gz") == (1, OLD[:-1])
    assert source.look("access.log.1.gz") is None


def test_rotation_by_rename_and_then_compression(source: Source) -> None:
    source.write("access.log", OLD[:-30])
    source.look("access.log")
    source.write("access.log.1", OLD)
    source.write("access.log", NEW)
    assert source.look("access.log") == (1, NEW)
    assert source.look("access.log.1") == (100, OLD.splitlines(keepends=True)[-1])
    source.write("access.log.2.gz", OLD)
    assert source.look("access.log.2.gz") is None


def test_compressed_before_the_last_lines_were_seen(source: Source) -> None:
    source.write("access.log", OLD[:-30])
    source.look("access.log")
    source.write("access-20231010.log.gz", OLD + NEW)
    assert source.look("access-20231010.log.gz") == (100, OLD.splitlines(keepends=True)[-1] + NEW)


def test_a_compressed_log_of_many_members_grows_by_a_member(source: Source) -> None:
    file = source.folder / "access.log.gz"
    file.write_bytes(gzip.compress(OLD))
    source.look(file.name)
    file.write_bytes(gzip.compress(OLD) + gzip.compress(NEW))
    assert source.look(file.name) == (101, NEW)


def test_copytruncate_starts_another_log_under_the_same_name(source: Source) -> None:
    source.write("access.log", OLD)
    source.look("access.log")
    source.write("access.log", b"")
    assert source.look("access.log") is None
    source.write("access.log", NEW + NEW)  # longer than what it replaces
    assert source.look("access.log") == (1, NEW + NEW)


@pytest.mark.parametrize("same", [1, 10])
def test_another_log_with_the_same_first_lines_is_another(source: Source, same: int) -> None:
    source.write("access.log", OLD)
    source.look("access.log")
    other = b"".join(OLD.splitlines(keepends=True)[:same]) + NEW
    source.write("access.log", other)
    assert source.look("access.log") == (1, other)


@pytest.mark.parametrize("landed", [60, 70], ids=["where they part", "beyond"])
@pytest.mark.parametrize("name", ["node2.log", "node2.log.1.gz"])
def test_two_logs_that_begin_alike_for_longer_than_a_head_both_land_fully(source: Source, name: str, landed: int) -> None:
    alike = many(0, 60)
    one, two = alike + many(100, 10), alike + many(200, 20)
    assert len(alike) > HEAD
    source.write("node1.log", b"".join(one.splitlines(keepends=True)[:landed]))
    source.look("node1.log")
    source.write("node1.log", one + NEW)
    assert source.look("node1.log") == (landed + 1, one[len(source.ends[0]) :] + NEW)
    source.write(name, two)
    assert source.look(name) == (1, two)
    source.write(name, two + NEW)
    assert source.look(name) == (81, NEW)
    assert source.look("node1.log") is None


@pytest.mark.parametrize("name", ["copy.log", "copy.log.gz"])
def test_a_copy_that_ends_where_a_landed_range_ends_is_known_and_one_cut_elsewhere_is_a_new_log(source: Source, name: str) -> None:
    lines = (OLD + NEW).splitlines(keepends=True)
    for grown in (1, 2, 3, 70, 71, 200):  # ends nearer to each other than a tail, and farther
        source.write("access.log", b"".join(lines[:grown]))
        assert source.look("access.log")
    for grown in (1, 2, 3, 70, 71, 200):
        source.write(name, b"".join(lines[:grown]))
        assert source.look(name) is None
    source.write(name, b"".join(lines[:90]))
    assert source.look(name) == (1, b"".join(lines[:90]))
    source.write(name, OLD + NEW + many(0, 1))
    assert source.look(name) == (201, many(0, 1))


@pytest.mark.parametrize("size", [HEAD, HEAD + 1, len(OLD) - 1])
@pytest.mark.parametrize("name", ["access.log", "access.log.gz"])
def test_a_log_cut_below_what_was_landed_of_it_counts_as_new_and_the_whole_one_goes_on(source: Source, name: str, size: int) -> None:
    source.write("access.log", OLD)
    source.look("access.log")
    cut = OLD[:size] if name.endswith(".gz") else OLD[: OLD.rindex(b"\n", 0, size) + 1]
    source.write(name, OLD[:size])
    assert source.look(name) == (1, cut)
    source.write(name, OLD + NEW)
    assert source.look(name) == (101, NEW)


@pytest.mark.parametrize("at", [HEAD, len(OLD) - 9], ids=["shifted", "in the tail"])
@pytest.mark.parametrize("name", ["access.log", "access.log.gz"])
def test_a_log_that_was_changed_within_its_landed_lines_is_a_new_one(source: Source, name: str, at: int) -> None:
    source.write("access.log", OLD)
    source.look("access.log")
    content = OLD[:at] + b"x" + OLD[at:] + NEW
    source.write(name, content)
    assert source.look(name) == (1, content)


def test_what_follows_a_compressed_half_line_is_not_taken_for_a_line(source: Source) -> None:
    source.write("access.log.gz", OLD[:-30])
    assert source.look("access.log.gz") == (1, OLD[:-30])
    source.write("copy.log", OLD[:-30])
    assert source.look("copy.log") is None
    source.write("access.log.gz", OLD)
    assert source.look("access.log.gz") == (1, OLD)


def test_a_compressed_log_is_decompressed_once_when_it_goes_on_behind_the_last_range(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (OLD * 20).splitlines(keepends=True)
    for grown in range(100, 2000, 100):
        source.write("access.log", b"".join(lines[:grown]))
        source.look("access.log")
    rewound: list[int] = []
    rewind = gzip._GzipReader._rewind  # type: ignore[attr-defined]
    monkeypatch.setattr(gzip._GzipReader, "_rewind", lambda reader: (rewound.append(reader._pos), rewind(reader)))  # type: ignore[attr-defined]
    source.write("access.log.1.gz", b"".join(lines[:1900]))
    assert source.look("access.log.1.gz") is None
    source.write("access.log.1.gz", b"".join(lines))
    assert source.look("access.log.1.gz") == (1901, b"".join(lines[1900:]))
    assert max(rewound, default=0) <= 128 << 10


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("size", [0, 2, 9, 300, -9, -1])
def test_truncated_gzip(source: Source, size: int, is_known: bool) -> None:
    if is_known:
        source.write("access.log", OLD)
        source.look("access.log")
    (source.folder / "access.log.1.gz").write_bytes(gzip.compress(OLD)[:size])
    assert source.reject("access.log.1.gz") == "corrupt_gzip"


@pytest.mark.parametrize("at", [2, 40, -5], ids=["method", "content", "checksum"])
def test_corrupt_gzip(source: Source, at: int) -> None:
    content = bytearray(gzip.compress(OLD))
    content[at] ^= 0xFF
    (source.folder / "access.log.1.gz").write_bytes(bytes(content))
    assert source.reject("access.log.1.gz") == "corrupt_gzip"


def test_gzip_is_told_by_content(source: Source) -> None:
    (source.folder / "access.log").write_bytes(gzip.compress(OLD))
    assert source.look("access.log") == (1, OLD)
    (source.folder / "other.gz").write_bytes(NEW)
    assert source.look("other.gz") == (1, NEW)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a workbook\n", combined().encode("utf-16") + b"\n", b"a\0b\n"])
@pytest.mark.parametrize("name", ["access.log", "access.log.gz"])
def test_what_is_no_log(source: Source, name: str, content: bytes) -> None:
    source.write(name, content)
    assert source.reject(name) == "not_a_log"


def test_the_same_lines_give_the_same_bytes(source: Source) -> None:
    source.write("access.log", OLD)
    found = source.range("access.log")
    assert found
    first = found.file.read_bytes()
    source.known.clear()
    source.write("other-name.gz", OLD)
    found = source.range("other-name.gz")
    assert found
    assert found.file.read_bytes() == first


log_line = st.sampled_from([b"", b"a", b"bb\r", b"10.0.0.1 - - [10/Oct/2023:13:55:36 +0800]", b"x" * 70])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(log_line, max_size=30), st.data())
def test_however_a_log_grows_each_of_its_lines_is_landed_once(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, lines: list[bytes], data: st.DataObject
) -> None:
    monkeypatch.setattr(web_log, "HEAD", 64)
    monkeypatch.setattr(web_log, "_CHUNK", 16)
    source = Source(tmp_path_factory.mktemp("grown"))
    content = b"2023\n" + b"\n".join(lines)
    landed = b""
    for size in sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=5))):
        name = data.draw(st.sampled_from(["access.log", "access.log.1"]))
        source.write(name, content[:size])
        if new := source.look(name):
            assert new[0] == landed.count(b"\n") + 1
            landed += new[1]
        assert landed == content[: content.rfind(b"\n", 0, size) + 1]
    source.write("access.log.2.gz", content)
    if new := source.look("access.log.2.gz"):
        assert new[0] == landed.count(b"\n") + 1
        landed += new[1]
    assert landed == content
    assert source.look("access.log.2.gz") is None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), min_size=2, max_size=3), st.data())
def test_however_logs_that_begin_alike_grow_each_line_of_each_is_landed_once(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, logs: list[tuple[int, str]], data: st.DataObject
) -> None:
    monkeypatch.setattr(web_log, "HEAD", 16)
    source = Source(tmp_path_factory.mktemp("alike"))
    contents = {
        f"node{at}.log": [f"{n} alike\n" for n in range(alike)] + [f"{n} {at} {mark}\n" for n in range(alike, alike + 4)]
        for at, (alike, mark) in enumerate(logs)
    }
    landed = Counter[bytes]()
    grown = dict.fromkeys(contents, 0)
    steps = data.draw(st.lists(st.tuples(st.sampled_from(sorted(contents)), st.integers(1, 6)), max_size=12))
    for name, by in [*steps, *((name, 99) for name in contents)]:
        grown[name] += by
        source.write(name, "".join(contents[name][: grown[name]]).encode())
        if new := source.look(name):
            landed.update(new[1].splitlines())
    assert landed == Counter(line.strip().encode() for lines in contents.values() for line in lines)


def read(folder: Path, content: bytes, line_from: int = 1) -> tuple[Parsed, list[dict[str, Any]]]:
    landed = folder / "range.zst"
    with pa.CompressedOutputStream(str(landed), "zstd") as out:
        out.write(content)
    parsed = parse(landed, line_from, folder / "hits.parquet")
    hits = pl.read_parquet(folder / "hits.parquet")
    assert parsed.lines == parsed.hits + parsed.rejects.height + parsed.blanks
    assert parsed.hits == hits.height
    return parsed, hits.to_dicts()


@pytest.mark.parametrize(
    ("line", "want"),
    [
        (
            combined(request="GET /a?b=1 HTTP/1.1", tail=f'404 2326 "https://www.example.gov.cn/" "{AGENT}"'),
            {
                "hit_at": datetime(2023, 10, 10, 13, 55, 36), "remote_addr": "10.0.0.1", "method": "GET", "path": "/a?b=1", "status": 404,
                "bytes": 2326, "referer": "https://www.example.gov.cn/", "user_agent": AGENT, "is_bot": False,
            },
        ),
        # common
        (combined(tail="200 7"), {"status": 200, "bytes": 7, "referer": None, "user_agent": None, "is_bot": False}),
        (combined(tail="304 -"), {"status": 304, "bytes": None}),
        (combined(tail='200 - "-" "-"'), {"bytes": None, "referer": None, "user_agent": None}),
        (combined(tail='200 0 "" ""'), {"bytes": 0, "referer": None, "user_agent": None}),
        (combined(tail="000 0"), {"status": 0}),
        (combined(tail="200 99999999999999999999"), {"bytes": None}),
        # addresses and users
        (combined(who="2001:db8:450c::320c - -"), {"remote_addr": "2001:db8:450c::320c"}),
        (combined(who="::ffff:10.0.0.1 - -"), {"remote_addr": "::ffff:10.0.0.1"}),
        (combined(who="www.example.gov.cn - admin"), {"remote_addr": "www.example.gov.cn"}),
        (combined(who="10.0.0.1 - wang xiao li"), {"remote_addr": "10.0.0.1"}),
        (combined(who="10.0.0.1 - 王"), {"remote_addr": "10.0.0.1"}),
        # requests
        (combined(request="-"), {"method": None, "path": None}),
        (combined(request=""), {"method": None, "path": None}),
        (combined(request="GET /a b HTTP/1.1"), {"method": "GET", "path": "/a b"}),
        (combined(request="GET /a HTTP/b HTTP/1.1"), {"method": "GET", "path": "/a HTTP/b"}),
        (combined(request="GET /old"), {"method": "GET", "path": "/old"}),
        (combined(request=r"\x16\x03\x01\x00"), {"method": None, "path": None}),
        (combined(request="GET /政府信息公开 HTTP/1.1"), {"path": "/政府信息公开"}),
        # quotes as Apache and as nginx escape them
        (combined(request=r"GET /\"a\" HTTP/1.1"), {"path": r"/\"a\""}),
        (combined(tail=r'200 1 "-" "a \"b\" spider"'), {"user_agent": r"a \"b\" spider", "is_bot": True}),
        (combined(tail=r'200 1 "a\\" "b\\"'), {"referer": r"a\\", "user_agent": r"b\\"}),
        (combined(request=r"GET /\x22a\x22 HTTP/1.1"), {"path": r"/\x22a\x22"}),
        (combined(tail=r'200 1 "-" "a \x22b\x5C"'), {"user_agent": r"a \x22b\x5C"}),
        # what Apache writes of an empty user name, of one with a quote, of nobody
        (combined(who='10.0.0.1 - ""'), {"remote_addr": "10.0.0.1", "status": 200}),
        (combined(who=r"10.0.0.1 - wang\"li\" x"), {"remote_addr": "10.0.0.1", "user_agent": AGENT}),
        (combined(who="- - -"), {"remote_addr": None, "path": "/"}),
        (combined(tail=r'200 1 "-" "a\\\""'), {"user_agent": r"a\\\""}),
        (combined(request=r"\x16\x03\x01\"", tail="400 - \"-\" \"-\""), {"method": None, "path": None, "status": 400, "bytes": None}),
        (combined(request="CONNECT www.example.com:443 HTTP/1.1"), {"method": "CONNECT", "path": "www.example.com:443"}),
        (combined(request="GET http://www.example.com/a HTTP/1.1"), {"method": "GET", "path": "http://www.example.com/a"}),
        (combined(request="GET  /a  HTTP/1.1"), {"method": "GET", "path": "/a"}),
        (combined(who="10.0.0.1  -  -  ", tail='200  1  "-"  "UA"'), {"remote_addr": "10.0.0.1", "bytes": 1, "user_agent": "UA"}),
        # fields that follow: nginx's main, times, virtual host, Apache's combinedio
        (combined(tail='200 1 "-" "UA" "10.0.0.2, 10.0.0.3"'), {"remote_addr": "10.0.0.1", "user_agent": "UA", "bytes": 1}),
        (combined(tail='200 1 "-" "a bot" "-" 0.003 [upstream] rt=0.1 "x" www.example.gov.cn'), {"user_agent": "a bot", "is_bot": True}),
        (combined(tail='200 1 "-" "UA" 512 4096'), {"bytes": 1, "user_agent": "UA"}),
        (combined(tail=r'200 1 "-" "a \"b\"" rt="0.1" "\""'), {"user_agent": r"a \"b\""}),
        (combined(who="10.0.0.1 - wang li", tail='200 1 "-" "UA" 0.1 "x"'), {"remote_addr": "10.0.0.1", "user_agent": "UA"}),
        # Apache's vhost_combined: the virtual host in front
        (combined(who="www.example.gov.cn:443 10.0.0.1 - -"), {"remote_addr": "10.0.0.1", "path": "/", "user_agent": AGENT}),
        (combined(who="www.example.gov.cn:80 2001:db8::1 - wang li"), {"remote_addr": "2001:db8::1"}),
        (combined(who="10.0.0.9:80 client - -", tail="200 7"), {"remote_addr": "client", "bytes": 7}),
        (combined(who="www.example.gov.cn 10.0.0.1 - -"), {"remote_addr": "10.0.0.1"}),
        (combined(who="2001:db8::1 - wang li"), {"remote_addr": "2001:db8::1"}),
        (combined(who="2001:db8::1 ident wang"), {"remote_addr": "2001:db8::1"}),
        # kinds of client
        (combined(tail='200 1 "-" "Baiduspider/2.0"'), {"is_bot": True}),
        (combined(tail='200 1 "-" "GoogleBOT"'), {"is_bot": True}),
        (combined(tail='200 1 "-" "Crawling"'), {"is_bot": True}),
        (combined(tail='200 1 "https://robots.example/" "curl"'), {"is_bot": False}),
        # JSON
        (
            as_json(remote_addr="::1", request="POST /x HTTP/2.0", status="201", body_bytes_sent=12, http_user_agent='"bot"'),
            {
                "hit_at": datetime(2023, 10, 10, 13, 55, 36), "remote_addr": "::1", "method": "POST", "path": "/x", "status": 201,
                "bytes": 12, "referer": None, "user_agent": '"bot"', "is_bot": True,
            },
        ),
        (as_json(http_referer="-"), {"referer": None}),
        (as_json(), {"status": 200, "remote_addr": None, "method": None, "path": None, "bytes": None, "is_bot": False}),
        (as_json(time_iso8601="2023-12-31T16:00:00Z"), {"hit_at": datetime(2024, 1, 1)}),
        (as_json(time_iso8601="2023-10-10T13:55:36.789+08:00"), {"hit_at": datetime(2023, 10, 10, 13, 55, 36)}),
        (as_json(time_iso8601=None, time_local="31/Dec/2023:16:00:00 +0000"), {"hit_at": datetime(2024, 1, 1)}),
        (as_json(time_iso8601=None, msec="1696917336.789"), {"hit_at": datetime(2023, 10, 10, 13, 55, 36)}),
        (as_json(time_iso8601=None, ts=1696917336), {"hit_at": datetime(2023, 10, 10, 13, 55, 36)}),
        (as_json(time_iso8601=None, timestamp=1704038400123), {"hit_at": datetime(2024, 1, 1)}),
        (as_json(**{"time_iso8601": None, "@timestamp": "2023-12-31T16:00:00.001Z"}), {"hit_at": datetime(2024, 1, 1)}),
        (as_json(request_method="HEAD", request_uri="/a b?c", uri="/x"), {"method": "HEAD", "path": "/a b?c"}),
        (as_json(method="GET", uri="/x"), {"method": "GET", "path": "/x"}),
        (as_json(request="/x", verb="GET"), {"method": "GET", "path": "/x"}),
        (
            as_json(status=None, response=404, client_ip="::2", bytes="7", referrer="r", agent="spider"),
            {"status": 404, "remote_addr": "::2", "bytes": 7, "referer": "r", "user_agent": "spider", "is_bot": True},
        ),
        (as_json(http_user_agent="BYTE").replace("BYTE", r"a\x22b\x5C"), {"user_agent": r"a\x22b\x5C"}),
        (as_json(request="", remote_addr="-"), {"method": None, "path": None, "remote_addr": None}),
        # instants in Asia/Shanghai
        (combined("31/Dec/2023:15:59:59 +0000"), {"hit_at": datetime(2023, 12, 31, 23, 59, 59)}),
        (combined("31/Dec/2023:16:00:00 +0000"), {"hit_at": datetime(2024, 1, 1)}),
        (combined("31/Dec/2023:23:59:59 +0800"), {"hit_at": datetime(2023, 12, 31, 23, 59, 59)}),
        (combined("01/Jan/2024:00:29:00 +0830"), {"hit_at": datetime(2023, 12, 31, 23, 59)}),
        (combined("31/Dec/2023:12:30:00 -0330"), {"hit_at": datetime(2024, 1, 1)}),
        (combined("29/Feb/2024:23:00:00 +0000"), {"hit_at": datetime(2024, 3, 1, 7)}),
    ],
)  # fmt: skip
def test_lines_that_can_be_read(tmp_path: Path, line: str, want: dict[str, object]) -> None:
    _, (hit,) = read(tmp_path, f"{line}\n".encode())
    assert {name: hit[name] for name in want} == want


@pytest.mark.parametrize(
    "line",
    [
        combined()[:25],
        "10.0.0.1 - - GET /x HTTP/1.1 200",
        "worker process 1234 exited on signal 9",
        combined("99/Foo/2023:00:00:00 +0800"),
        combined("29/Feb/2023:00:00:00 +0800"),
        combined("30/Feb/2024:00:00:00 +0800"),
        combined("10/Oct/2023:24:00:00 +0800"),
        combined("10/Oct/2023:13:55:36"),
        combined("10/Oct/2023:13:55:36 +2400"),
        combined("10/Oct/2023:13:55:36 +0860"),
        combined("10/Oct/1023:13:55:36 +0800"),
        combined(tail='OK 1 "-" "-"'),
        combined(tail='20 1 "-" "-"'),
        combined(tail='200 x "-" "-"'),
        combined(tail='200 1 "-"'),
        combined(tail='200 1 "-" "-""10.0.0.2"'),
        combined(tail='200 1 "-" "-" "10.0.0.2'),
        combined(tail='- 1 "-" "-"'),
        f"a b {combined()}",
        combined(request='GET /"a HTTP/1.1'),
        combined(request="GET /\\", tail="200 1"),
        combined(tail=r'200 1 "-" "a\"'),
        combined()[:-1],
        combined() + combined(),
        as_json()[:-1],
        as_json(status=None),
        as_json(status=True),
        as_json(status=20000),
        as_json(time_iso8601=None),
        as_json(time_iso8601="2023-10-10T13:55:36"),
        as_json(time_iso8601="2023-02-30T13:55:36+08:00"),
        as_json(time_iso8601=1696917336),
        f"[{as_json()}]",
        "{}",
        "a\0b",
        "中文",
    ],
)
def test_lines_that_cannot_be_read_are_kept(tmp_path: Path, line: str) -> None:
    parsed, hits = read(tmp_path, f"{combined()}\n{line}\n{combined()}\n".encode(), line_from=10)
    assert [hit["row_no"] for hit in hits] == [10, 12]
    assert parsed.rejects.rows() == [(11, line)]


def test_bytes_that_are_no_utf8_lose_nothing(tmp_path: Path) -> None:
    content = combined(tail='200 1 "-" "AGENT bot"').encode().replace(b"AGENT", "中".encode("gb18030")) + b"\nx\xff\xfe\n" + many(0, 2)
    parsed, hits = read(tmp_path, content)
    assert [hit["row_no"] for hit in hits] == [1, 3, 4]
    assert (hits[0]["user_agent"], hits[0]["is_bot"]) == (r"\xd6\xd0 bot", True)
    assert parsed.rejects.rows() == [(2, r"x\xff\xfe")]


def test_bytes_that_are_no_utf8_in_json_lose_nothing(tmp_path: Path) -> None:
    _, (hit,) = read(tmp_path, as_json(request="GET /BYTE HTTP/1.1").encode().replace(b"BYTE", "中".encode("gb18030")) + b"\n")
    assert hit["path"] == r"/\xd6\xd0"


@pytest.mark.parametrize("line", [combined(), as_json(remote_addr="10.0.0.1")])
def test_the_mark_of_an_editor_at_the_start_of_a_file_is_no_part_of_its_first_line(tmp_path: Path, line: str) -> None:
    parsed, hits = read(tmp_path, codecs.BOM_UTF8 + f"{line}\n{line}\n".encode())
    assert [(hit["row_no"], hit["remote_addr"]) for hit in hits] == [(1, "10.0.0.1"), (2, "10.0.0.1")]
    assert parsed.lines == 2
    assert read(tmp_path, codecs.BOM_UTF8 + b"\n")[0].blanks == 1


def test_line_ends_of_windows(tmp_path: Path) -> None:
    parsed, hits = read(tmp_path, f"{combined()}\r\n\r\nx\r\n{combined(tail='200 5')}\r\n{as_json()}\r\n".encode())
    assert [hit["row_no"] for hit in hits] == [1, 4, 5]
    assert (hits[0]["user_agent"], hits[1]["bytes"], parsed.blanks, parsed.rejects.rows()) == (AGENT, 5, 1, [(3, "x")])


@pytest.mark.parametrize("length", [3 << 20, 5 << 20, 40 << 20], ids=["long", "too long", "longer than two blocks"])
def test_long_lines(tmp_path: Path, length: int) -> None:
    long = combined(request=f"GET /{'a' * length} HTTP/1.1").encode()
    parsed, hits = read(tmp_path, many(0, 1) + long + b"\n" + many(1, 1))
    if length == 3 << 20:
        assert [(hit["row_no"], len(hit["path"] or "")) for hit in hits] == [(1, 2), (2, length + 1), (3, 2)]
    else:
        assert [hit["row_no"] for hit in hits] == [1, 3]
        assert parsed.rejects.rows() == [(2, long[: 64 << 10].decode())]


def test_the_text_of_very_many_rejects_is_left_to_the_landed_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_log, "_REJECTED_TEXT", 40)
    monkeypatch.setattr(web_log, "_BLOCK", 20)
    parsed, _ = read(tmp_path, b"not a line of a log\n" * 4)
    assert parsed.rejects.rows() == [(n, "not a line of a log" if n < 3 else None) for n in range(1, 5)]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"x"])
def test_ranges_without_a_hit_have_a_file_all_the_same(tmp_path: Path, content: bytes) -> None:
    parsed, hits = read(tmp_path, content)
    assert (hits, parsed.lines, parsed.blanks) == ([], len(content), content.count(b"\n"))


def test_a_lost_line_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = web_log._query()
    monkeypatch.setattr(web_log, "_query", lambda: f"{whole} WHERE row_no > 1")
    with pytest.raises(LostLines, match="共 3 行，可读 2、不可读 0、空行 0"):
        read(tmp_path, many(0, 3))
    assert [file.name for file in tmp_path.iterdir()] == ["range.zst"]


LINES = {
    "hit": [combined(), combined(tail="200 5"), as_json(), combined(tail=r'200 1 "-" "\"a"'), combined(request="GET /中 HTTP/1.1")],
    "reject": ["x", "中文", '"', "{", combined()[:-3], "y" * 500],
    "blank": ["", " ", "\t ", "\r"],
}
some_line = st.sampled_from([(kind, line) for kind, lines in LINES.items() for line in lines])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(some_line, st.sampled_from(["\n", "\r\n"])), max_size=40), some_line,
    st.sampled_from([1, 90, 400, 1 << 20]), st.integers(1, 10**9),
)  # fmt: skip
def test_each_line_is_hit_or_reject_or_blank_and_keeps_its_number(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lines: list[tuple[tuple[str, str], str]],
    last: tuple[str, str],
    block: int,
    line_from: int,
) -> None:
    monkeypatch.setattr(web_log, "_BLOCK", block)
    monkeypatch.setattr(web_log, "_LONGEST", 400)
    parsed, hits = read(tmp_path, ("".join(line + end for (_, line), end in lines) + last[1]).encode(), line_from)
    kinds = [kind for (kind, _), _ in lines] + [last[0]] * (last[1] != "")
    want = {kind: [line_from + n for n, k in enumerate(kinds) if k == kind] for kind in LINES}
    assert [hit["row_no"] for hit in hits] == want["hit"]
    assert parsed.rejects["row_no"].to_list() == want["reject"]
    assert (parsed.lines, parsed.blanks) == (len(kinds), len(want["blank"]))


@pytest.mark.wide
def test_row_numbers_over_many_blocks(source: Source, tmp_path: Path) -> None:
    lines = [combined(request=f"GET /{n} HTTP/1.1") if n % 7 else ("" if n % 2 else "x") for n in range(1, 500_001)]
    source.write("access.log", ("\n".join(lines) + "\n").encode())
    found = source.range("access.log")
    assert found
    assert found.byte_to > 3 * web_log._BLOCK
    parsed = parse(found.file, found.line_from, tmp_path / "hits.parquet")
    hits = pl.read_parquet(tmp_path / "hits.parquet")
    assert hits.select(pl.col("path") == "/" + pl.col("row_no").cast(pl.String)).to_series().all()
    assert (hits.height, parsed.rejects.height, parsed.blanks) == (500_000 - 71_428, 35_714, 35_714)
    assert parsed.rejects["row_no"].to_list() == list(range(14, 500_001, 14))
