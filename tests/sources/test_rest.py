"""A platform that is asked page by page: whatever it does, the pull is whole or refused with its reason, and tells no secret."""

from __future__ import annotations

import json
import logging
import random
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from platforms import Raw, demo, http, inspections, page_of, penalties, write_drop

from assets.sources.connector import Feed, Incomplete, Pulled, Secret
from assets.sources.envelope import Envelope
from assets.sources.files import read
from assets.sources.rest import Rest
from assets.sources.rest_trouble import REASONS
from warehouse import clock
from warehouse.subjects import SUBJECTS

TOKEN = "hush-0123456789-abcdef"
PENALTIES, INSPECTIONS = SUBJECTS["penalties"], SUBJECTS["inspections"]
ROWS = penalties(95)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = write_drop(tmp_path_factory.mktemp("drop"), penalties=ROWS, inspections=inspections(40))
    with demo().Platform(folder, port=0, token=TOKEN) as platform:
        platform.retry_after, platform.cap, platform.trickle = "0", 7, 0.02
        yield platform


@pytest.fixture
def rest(platform: Any) -> Iterator[Rest]:
    yield asking(platform.url, token=Secret(TOKEN), incremental=frozenset({"penalties"}))
    platform.set_fault("none")


def asking(url: str, **how: Any) -> Rest:
    paths = {"penalties": "penalties", "inspections": "/inspections"}
    return replace(Rest(base_url=url, paths=paths, page_size=10, attempts=3, backoff=0.001, longest_wait=0.01), **how)


def rows_of(pulled: Pulled, envelope: Envelope | None = None) -> list[dict[str, Any]]:
    """What the reader of kept pages gives, as the platform wrote it."""
    rows: list[dict[str, Any]] = []
    for part in pulled.parts:
        for chunk in read(part.file, part.name, PENALTIES, {}, 1 << 30, envelope).chunks:
            rows += [{f.code: row[f.name] for f in PENALTIES.fields if f.code in ROWS[0]} for row in chunk.to_dicts()]
    assert len(rows) == pulled.rows == pulled.control_total
    return rows


def as_landed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(({k: json.dumps(v) if isinstance(v, float) else v for k, v in row.items()} for row in rows), key=str)


def refusal(rest: Rest, spool: Path) -> Incomplete:
    """The refusal of a pull, which tells nothing that it must not."""
    with pytest.raises(Incomplete) as caught:
        rest.pull(PENALTIES, None, spool)
    error = caught.value
    assert error.__cause__ is None and error.__context__ is None
    for told in (str(error), repr(error), error.detail):
        assert "行政处罚" in told and "。" in told
        assert not any(secret in told for secret in (TOKEN, "pageSize", "?", "127.0.0.1", "测试甲", "13800000000"))
    return error


# Fault → what becomes of a pull when it hits once, and when it hits for ever: a reason, or None for all rows.
OUTCOMES = {
    "none": (None, None),
    "timeout": (None, "timeout"),
    "reset": (None, "connection_failed"),
    "slow_body": (None, "too_slow"),
    "401": ("unauthorized", "unauthorized"),
    "403": ("forbidden", "forbidden"),
    "404": ("not_found", "not_found"),
    "429": (None, "rate_limited"),
    "500": (None, "server_error"),
    "503": (None, "server_error"),
    "error_code": (None, "error_code"),
    "html": (None, "not_json"),
    "truncated": (None, "truncated_json"),
    "invalid_json": (None, "truncated_json"),
    "wrong_charset": ("bad_encoding", "bad_encoding"),
    "invalid_bytes": ("bad_encoding", "bad_encoding"),
    "total_changes": (None, "total_changed"),
    "rows_move": (None, "rows_moved"),
    "duplicate_page": (None, "duplicate_page"),
    "empty_page": (None, "empty_page"),
    "fewer_rows": (None, "fewer_rows"),
    "more_rows": (None, "more_rows"),
    "ignores_page_size": (None, None),
    "caps_page_size": (None, None),
    "endless": (None, "too_many_pages"),
    "redirect_elsewhere": ("redirect_elsewhere", "redirect_elsewhere"),
    "redirect_same": (None, None),
    "redirect_loop": (None, "too_many_redirects"),
    "clock_skew": (None, None),
    "no_total": ("no_total", "no_total"),
}
SLOW = {"timeout": {"timeout": 0.3}, "slow_body": {"deadline": 0.5}}
ON_ANY = {"rows_move", "fewer_rows", "more_rows"}


def test_every_fault_of_the_demo_platform_is_tried() -> None:
    assert OUTCOMES.keys() == demo().FAULTS.keys()


@pytest.mark.parametrize("fault", OUTCOMES)
@pytest.mark.parametrize("times", [1, None], ids=["once", "for_ever"])
def test_whatever_the_platform_does_the_pull_is_whole_or_refused(
    platform: Any, rest: Rest, tmp_path: Path, fault: str, times: int | None
) -> None:
    once, for_ever = OUTCOMES[fault]
    reason = once if times else for_ever
    platform.set_fault(fault, times, 2 if times and fault not in ON_ANY else None)
    rest = replace(rest, **SLOW.get(fault, {}))
    if reason:
        assert refusal(rest, tmp_path).reason == reason
        assert reason in REASONS
    else:
        pulled = rest.pull(PENALTIES, None, tmp_path)
        assert as_landed(rows_of(pulled)) == as_landed(ROWS)
        assert {part.file for part in pulled.parts} == set(tmp_path.iterdir())
        assert pulled.is_full
    assert platform.elsewhere["authorized"] == 0
    assert not [file for file in tmp_path.iterdir() if TOKEN.encode() in file.read_bytes()]


@pytest.mark.parametrize("fault", ["timeout", "reset", "500", "truncated", "empty_page", "duplicate_page", "rows_move", "total_changes"])
@pytest.mark.parametrize("page", [2, 6, 10])
def test_a_fault_on_any_page_is_recovered_from(platform: Any, rest: Rest, tmp_path: Path, fault: str, page: int) -> None:
    platform.set_fault(fault, 2, page)
    pulled = replace(rest, attempts=5, **SLOW.get(fault, {})).pull(PENALTIES, None, tmp_path)
    assert as_landed(rows_of(pulled)) == as_landed(ROWS)


def test_a_feed(rest: Rest) -> None:
    feed: Feed = rest
    assert feed.kind == "rest"


def test_pages_are_kept_as_they_came_in_order_over_one_connection(platform: Any, rest: Rest, tmp_path: Path) -> None:
    before = platform.connections
    pulled = rest.pull(PENALTIES, None, tmp_path)
    assert [part.name for part in pulled.parts] == [f"page-{n:04}.json" for n in range(1, 11)]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for number, part in enumerate(pulled.parts, 1):
        assert part.file.read_bytes() == httpx.get(f"{platform.url}/penalties?pageNum={number}&pageSize=10", headers=headers).content
    assert platform.connections == before + 1 + 10
    assert as_landed(rows_of(pulled)[:10]) == as_landed(ROWS[:10])


def test_the_clock_of_the_platform(platform: Any, rest: Rest, tmp_path: Path) -> None:
    pulled = rest.pull(PENALTIES, None, tmp_path)
    assert pulled.source_at and abs(pulled.source_at - clock.now()) < timedelta(minutes=1)
    platform.set_fault("clock_skew")
    skewed = rest.pull(PENALTIES, None, tmp_path)
    assert skewed.source_at and timedelta(hours=23) < skewed.source_at - clock.now() < timedelta(hours=25)


def test_changes_since_an_instant(platform: Any, rest: Rest, tmp_path: Path) -> None:
    since = datetime(2023, 1, 3, 12)
    pulled = rest.pull(PENALTIES, since, tmp_path)
    assert not pulled.is_full
    assert as_landed(rows_of(pulled)) == as_landed([row for row in ROWS if str(row["GXSJ"]) >= "2023-01-03 12:00:00"])
    none = rest.pull(PENALTIES, datetime(2024, 1, 1), tmp_path)
    assert (none.rows, none.control_total, len(none.parts), none.is_full) == (0, 0, 1, False)
    assert rows_of(none) == []


def test_a_subject_that_cannot_tell_changes_is_pulled_in_full(platform: Any, rest: Rest, tmp_path: Path) -> None:
    platform.requests.clear()
    pulled = rest.pull(INSPECTIONS, datetime(2024, 1, 1), tmp_path)
    assert (pulled.rows, pulled.is_full) == (40, True)
    assert not any("updatedSince" in request for request in platform.requests)


def test_an_instant_may_carry_its_zone(platform: Any, rest: Rest, tmp_path: Path) -> None:
    told = replace(rest, incremental=frozenset({"inspections"}), since_format="%Y-%m-%dT%H:%M:%S%z")
    assert told.pull(INSPECTIONS, datetime(2023, 7, 1, 0), tmp_path).rows == 40
    assert told.pull(INSPECTIONS, datetime(2023, 7, 1, 0, 0, 1), tmp_path).rows == 0
    assert "updatedSince=2023-07-01T00%3A00%3A01%2B0800" in platform.requests[-1]


def test_nothing_secret_is_told(platform: Any, rest: Rest, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        rest.pull(PENALTIES, None, tmp_path)
        platform.set_fault("500")
        refusal(rest, tmp_path)
    assert TOKEN not in repr(rest) + caplog.text
    assert "pageSize" not in caplog.text


def test_a_token_that_is_not_accepted(rest: Rest, tmp_path: Path) -> None:
    assert refusal(replace(rest, token=Secret("wrong")), tmp_path).reason == "unauthorized"
    assert refusal(replace(rest, token=None), tmp_path).reason == "unauthorized"
    assert refusal(replace(rest, token=Secret(TOKEN + "\n")), tmp_path).reason == "bad_token"
    assert refusal(replace(rest, token_scheme="令牌"), tmp_path).reason == "bad_token"
    assert refusal(replace(rest, token_header="X Token"), tmp_path).reason == "bad_token"


@pytest.mark.parametrize(
    "url",
    ["", "host", "ftp://127.0.0.1", "http://", "http://u:p@127.0.0.1", "http://127.0.0.1/?key=v", "http://127.0.0.1:99999", "http://a..b/"],
)
def test_a_bad_address(tmp_path: Path, url: str) -> None:
    assert refusal(asking(url), tmp_path).reason == "bad_address"


def test_a_subject_without_path(rest: Rest, tmp_path: Path) -> None:
    assert refusal(replace(rest, paths={}), tmp_path).reason == "bad_address"


def test_nobody_listens(tmp_path: Path) -> None:
    with Raw(lambda asked: None) as server:
        url = server.url
    assert refusal(asking(url), tmp_path).reason == "connection_failed"


def test_a_page_that_is_too_large(rest: Rest, tmp_path: Path) -> None:
    assert refusal(replace(rest, max_page_bytes=2000), tmp_path).reason == "page_too_large"


def test_more_pages_than_allowed(platform: Any, rest: Rest, tmp_path: Path) -> None:
    assert rest.pull(PENALTIES, None, tmp_path).rows == replace(rest, max_pages=10).pull(PENALTIES, None, tmp_path).rows
    platform.requests.clear()
    assert refusal(replace(rest, max_pages=9), tmp_path).reason == "too_many_pages"
    assert len(platform.requests) == 1
    platform.set_fault("caps_page_size")
    assert refusal(replace(rest, max_pages=10), tmp_path).reason == "too_many_pages"


def test_requests_keep_their_distance(rest: Rest, tmp_path: Path) -> None:
    started = time.monotonic()
    replace(rest, page_size=50, interval=0.1).pull(PENALTIES, None, tmp_path)
    assert time.monotonic() - started >= 0.2


def test_memory_does_not_grow_with_the_pages(tmp_path: Path) -> None:
    rows = penalties(20_000)
    folder = write_drop(
        tmp_path / "drop", penalties=rows, permits=[{"XK_XKJGDM": "1", "XK_WSH": row["CF_WSH"]} | row for row in rows[:1000]]
    )
    del rows
    peaks = []
    with demo().Platform(folder, port=0) as platform:
        for subject, pages in (("permits", 20), ("penalties", 400)):
            spool = tmp_path / subject
            spool.mkdir()
            tracemalloc.start()
            pulled = asking(platform.url, paths={subject: subject}, page_size=50).pull(SUBJECTS[subject], None, spool)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert len(pulled.parts) == pages
    assert peaks[1] < peaks[0] + 8 * 19_000 * 2 + 200 * 380  # a hash a row, held twice while an array grows, and little a page


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine that nobody has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "测试平台")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def test_tls_is_verified(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    folder, spool = write_drop(tmp_path / "drop", penalties=ROWS), tmp_path / "spool"
    spool.mkdir()
    with demo().Platform(folder, port=0, token=TOKEN, tls=certificate) as platform:
        rest = asking(platform.url, token=Secret(TOKEN))
        assert refusal(rest, spool).reason == "tls_error"
        assert platform.connections == 1
        assert refusal(replace(rest, ca_file=certificate[1]), spool).reason == "tls_error"
        assert refusal(replace(rest, ca_file=tmp_path / "none.pem"), spool).reason == "tls_error"
        assert not platform.requests
        trusting = replace(rest, ca_file=certificate[0])
        assert as_landed(rows_of(trusting.pull(PENALTIES, None, spool))) == as_landed(ROWS)
        for fault, reason in (("slow_body", "too_slow"), ("timeout", "timeout")):
            platform.set_fault(fault)
            assert refusal(replace(trusting, attempts=1, timeout=0.3, deadline=0.6), spool).reason == reason
        platform.set_fault("none")
        plain = replace(rest, base_url=platform.url.replace("https", "http"))
        assert refusal(plain, spool).reason == "connection_failed"


# Servers that are told byte by byte what to send


def pages(rows: list[dict[str, Any]], size: int = 10, reasonable: bool = False) -> Any:
    """A server that pages; `reasonable` gives the last page for every number behind it, as PageHelper does."""

    def answer(asked: dict[str, str]) -> bytes:
        number = int(asked["pageNum"])
        number = min(number, -(-len(rows) // size)) if reasonable else number
        return http(page_of(rows[(number - 1) * size : number * size], len(rows), number))

    return answer


@pytest.mark.parametrize("count", [1, 10, 15, 20])
def test_a_platform_that_repeats_its_last_page(tmp_path: Path, count: int) -> None:
    with Raw(pages(ROWS[:count], reasonable=True)) as server:
        assert asking(server.url).pull(PENALTIES, None, tmp_path).rows == count


def test_too_few_rows_and_the_last_page_again(tmp_path: Path) -> None:
    def answer(asked: dict[str, str]) -> bytes:
        number = min(int(asked["pageNum"]), 2)
        return http(page_of(ROWS[:20][(number - 1) * 10 : number * 10], 21, number))

    with Raw(answer) as server:
        assert refusal(asking(server.url), tmp_path).reason == "fewer_rows"


def test_a_platform_that_numbers_from_another_start_is_not_taken_to_repeat(tmp_path: Path) -> None:
    def answer(asked: dict[str, str]) -> bytes:
        number = int(asked["pageNum"]) - 1
        return http(page_of(ROWS[number * 10 :][:10], 20, number))

    with Raw(answer) as server:
        assert refusal(asking(server.url), tmp_path).reason == "more_rows"


def test_two_versions_of_a_record_are_taken_after_a_second_pass(tmp_path: Path) -> None:
    rows = [*ROWS[:15], ROWS[3] | {"GXSJ": "2023-05-01 00:00:00"}]
    with Raw(pages(rows)) as server:
        assert as_landed(rows_of(asking(server.url).pull(PENALTIES, None, tmp_path))) == as_landed(rows)
        assert len(server.heads) == 6
        assert refusal(asking(server.url, passes=1), tmp_path).reason == "rows_moved"


def test_two_versions_on_one_page_need_no_second_pass(tmp_path: Path) -> None:
    with Raw(pages([*ROWS[:5], ROWS[3], ROWS[3]])) as server:
        assert asking(server.url, passes=1).pull(PENALTIES, None, tmp_path).rows == 7


def test_records_without_key_are_told_apart_by_all_they_hold(tmp_path: Path) -> None:
    rows = [row | {"CF_WSH": None} for row in ROWS[:20]]
    with Raw(pages(rows)) as server:
        assert asking(server.url, passes=1).pull(PENALTIES, None, tmp_path).rows == 20


def test_rows_that_move_in_every_pass_are_refused(tmp_path: Path) -> None:
    passes = 0

    def answer(asked: dict[str, str]) -> bytes:
        nonlocal passes
        passes += asked["pageNum"] == "1"
        rows = ROWS[:10] if asked["pageNum"] == "1" else ROWS[9 - passes : 19 - passes]
        return http(page_of(rows if int(asked["pageNum"]) < 3 else [], 20))

    with Raw(answer) as server:
        error = refusal(asking(server.url), tmp_path)
    assert (error.reason, passes, "第" in error.detail) == ("rows_moved", 3, False)


def test_a_platform_with_its_own_words(tmp_path: Path) -> None:
    envelope = Envelope(code="success", rows="result.list", total="result.page.count", page="result.page.no", ok="true")

    def answer(asked: dict[str, str]) -> bytes:
        number, size = int(asked["p"]), int(asked["limit"])
        rows = ROWS[:25][number * size :][:size]
        page = {"success": True, "result": {"page": {"count": "25", "no": number}, "list": rows}}
        return http(json.dumps(page, ensure_ascii=False).encode("gbk"), Content_Type="application/json; charset=GBK")

    with Raw(answer) as server:
        rest = asking(
            f"{server.url}/api/v1/", paths={"penalties": "cf/list"}, envelope=envelope, page_param="p", size_param="limit", first_page=0,
            extra={"dept": "工信 局"}, token=Secret(TOKEN), token_header="X-Token", token_scheme="",
        )  # fmt: skip
        pulled = rest.pull(PENALTIES, None, tmp_path)
        assert as_landed(rows_of(pulled, envelope)) == as_landed(ROWS[:25])
        assert pulled.source_at is None
    assert server.heads[1].startswith("GET /api/v1/cf/list?dept=%E5%B7%A5%E4%BF%A1+%E5%B1%80&p=1&limit=10 HTTP/1.1\r\n")
    assert f"\r\nX-Token: {TOKEN}\r\n" in server.heads[1] and "\r\nUser-Agent: gouji/" in server.heads[1]


def test_columns_find_the_key(tmp_path: Path) -> None:
    rows = [{"机关": "1", "文号": f"{n}"} for n in range(12)]
    with Raw(pages([*rows, rows[0]])) as server:
        rest = asking(server.url, columns={"penalties": {"机关": "CF_CFJGDM", "文号": "document_no"}})
        assert rest.pull(PENALTIES, None, tmp_path).rows == 13
        assert len(server.heads) == 6
        assert refusal(replace(rest, columns={}), tmp_path).reason == "missing_key_column"


@pytest.mark.parametrize("behind", [page_of([], 0), page_of([], None), page_of([], 12)])
def test_what_a_platform_says_behind_its_end(tmp_path: Path, behind: bytes) -> None:
    with Raw(lambda asked: http(page_of(ROWS[:12], 12) if asked["pageNum"] == "1" else behind)) as server:
        assert asking(server.url).pull(PENALTIES, None, tmp_path).rows == 12


@pytest.mark.parametrize(
    ("bytes_sent", "reason"),
    [
        (http(b"[]"), "not_json"),
        (http(b"12"), "not_json"),
        (http(b'{"data": {"total": 0, "rows": []}}'), "not_json"),
        (http(b'{"code": 0, "data": {"total": 0}}'), "not_json"),
        (http(b'{"code": 0, "data": {"total": 1, "rows": [1]}}'), "not_json"),
        (http(b'{"code": 0, "code": 0, "data": {"total": 0, "rows": []}}'), "not_json"),
        (http(b'{"code": 500}'), "error_code"),
        (http(b'{"code": ' + b"[" * 900 + b"]" * 900 + b"}"), "truncated_json"),
        (http(page_of([ROWS[0] | {"BZ": 1}], 1).replace(b'"BZ": 1', b'"BZ": ' + b"[" * 900 + b"]" * 900)), "truncated_json"),
        (http(b"[" * 100_000), "truncated_json"),
        (http(b""), "truncated_json"),
        (http(status="204 No Content"), "truncated_json"),
        (http(page_of(ROWS[:1], 1) + b"x"), "truncated_json"),
        (http('{"code": 0, "msg": "甲'.encode()[:-1]), "truncated_json"),
        (http(page_of(ROWS[:1], 1), Content_Length="9999"), "truncated_json"),
        (http(b"\x1f\x8b rubbish", Content_Encoding="gzip"), "truncated_json"),
        (http(b'{"code": 0, "data": {"total": -1, "rows": []}}'), "no_total"),
        (http(b'{"code": 0, "data": {"total": 1.5, "rows": []}}'), "no_total"),
        (http(b'{"code": 0, "data": {"total": ' + b"9" * 9000 + b', "rows": []}}'), "no_total"),
        (http(page_of(ROWS[:2], 1)), "more_rows"),
        (http(json.dumps({"code": 0, "data": {"total": 1, "rows": [ROWS[0] | {"BZ": "\ud800"}]}}).encode()), "bad_encoding"),
        (http(page_of([ROWS[0] | {"BZ": "x"}], 1).replace(b'"x"', b'"\0"')), "bad_encoding"),
        (http(page_of(ROWS[:1], 1).decode().encode("utf-16")), "bad_encoding"),
        (http(page_of([{"x": 1}], 1)), "missing_key_column"),
        (http(page_of(ROWS[:1], 1).replace(b'"BZ"', b'"GXSJ"')), "duplicate_column"),
        (http(status="302 Found"), "too_many_redirects"),
        (http(status="302 Found", Location="http://[bad"), "redirect_elsewhere"),
        (http(status="302 Found", Location="https:/x"), "redirect_elsewhere"),
        (http(status="302 Found", Location="//example.invalid/"), "redirect_elsewhere"),
        (http(status="304 Not Modified"), "bad_request"),
        (http(status="400 Bad Request"), "bad_request"),
        (http(status="410 Gone"), "not_found"),
        (http(status="408 Request Timeout"), "timeout"),
        (http(status="599 x"), "server_error"),
        (b"", "connection_failed"),
        (b"SSH-2.0-x\r\n", "connection_failed"),
        (b"HTTP/1.1 abc\r\n\r\n", "connection_failed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "truncated_json"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n", "connection_failed"),
    ],
)
def test_refusals(tmp_path: Path, bytes_sent: bytes, reason: str) -> None:
    with Raw(lambda asked: bytes_sent) as server:
        assert refusal(asking(server.url), tmp_path).reason == reason


def test_a_redirect_with_a_password_of_its_own_is_not_followed(tmp_path: Path) -> None:
    with Raw(lambda asked: http(status="302 Found", Location=server.url.replace("//", "//u:p@"))) as server:
        assert refusal(asking(server.url), tmp_path).reason == "redirect_elsewhere"


def test_a_code_that_may_be_anything_is_not_shown(tmp_path: Path) -> None:
    for code, is_shown in (("401", True), ("A0301", True), ("测试甲", False), ("13800000000", False)):
        with Raw(lambda asked, code=code: http(json.dumps({"code": code, "msg": "测试甲"}).encode())) as server:
            assert (code in refusal(asking(server.url), tmp_path).detail) == is_shown


@pytest.mark.parametrize(
    "date", ["rubbish", "Mon, 99 Jan 2023 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -1200", "Fri, 31 Dec 9999 23:59:59 GMT", ""]
)
def test_a_clock_that_cannot_be_read(tmp_path: Path, date: str) -> None:
    with Raw(lambda asked: http(page_of([], 0), Date=date)) as server:
        assert asking(server.url).pull(PENALTIES, None, tmp_path).source_at is None


def test_the_clock_is_that_of_asia_shanghai(tmp_path: Path) -> None:
    with Raw(lambda asked: http(page_of([], 0), Date="Sat, 31 Dec 2022 16:30:00 GMT")) as server:
        assert asking(server.url).pull(PENALTIES, None, tmp_path).source_at == datetime(2023, 1, 1, 0, 30)


@pytest.mark.parametrize(
    ("asked_for", "waits"),
    [
        ("0.4", False),
        ("1", True),
        (format_datetime(datetime(2999, 1, 1, tzinfo=UTC), usegmt=True), True),
        ("-1", False),
        ("x", False),
    ],
)
def test_the_platform_says_how_long_to_wait(tmp_path: Path, asked_for: str, waits: bool) -> None:
    answers = iter([http(status="429 Too Many Requests", Retry_After=asked_for), *[http(page_of([], 0))] * 2])
    with Raw(lambda asked: next(answers)) as server:
        started = time.monotonic()
        asking(server.url, longest_wait=1).pull(PENALTIES, None, tmp_path)
        assert (time.monotonic() - started >= 1) == waits


def test_a_head_that_trickles_is_cut_at_the_deadline(tmp_path: Path) -> None:
    with Raw(lambda asked: time.sleep(0.8) or b"HTTP/1.1 200 OK\r\nX: y") as server:
        assert refusal(asking(server.url, deadline=0.2, attempts=1), tmp_path).reason == "too_slow"


def test_nothing_but_a_refusal_comes_out_of_rubbish(tmp_path: Path) -> None:
    dice = random.Random(7)
    good = http(page_of(ROWS[:3], 3), Date="Sat, 31 Dec 2022 16:30:00 GMT")
    sent = b""
    reasons = set()
    with Raw(lambda asked: sent) as server:
        for _ in range(150):
            broken = bytearray(good)
            for _ in range(dice.choice([1, 3, 30])):
                broken[dice.randrange(len(broken))] = dice.randrange(256)
            sent = bytes(broken[: dice.choice([len(broken), dice.randrange(len(broken))])])
            try:
                asking(server.url, attempts=1, passes=1, timeout=2).pull(PENALTIES, None, tmp_path)
            except Incomplete as error:
                reasons.add(error.reason)
                assert error.detail.startswith("从平台取“行政处罚”：")
    assert {"truncated_json", "connection_failed", "bad_encoding"} <= reasons


# The demo platform itself


def test_a_fault_is_switched_while_it_runs(platform: Any, rest: Rest) -> None:
    with httpx.Client(base_url=platform.url, trust_env=False) as client:
        assert client.get("/penalties").status_code == 401
        assert client.get("/-/faults").json()["faults"] == demo().FAULTS
        assert client.post("/-/fault/500?times=2&page=3").json()["fault"] == "500"
        assert client.get("/-/faults").json()["fault"] == {"name": "500", "times": 2, "page": 3, "hits": 0}
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert [client.get(f"/penalties?pageNum={page}").status_code for page in (1, 3, 2, 3, 3)] == [200, 500, 200, 500, 200]
        assert client.post("/-/fault/500").is_success and client.get("/penalties").status_code == 500
        assert client.post("/-/fault/none").is_success and client.get("/penalties").status_code == 200
        assert client.post("/-/fault/rubbish").status_code == 404
        for path, status in (("permits", 404), ("penalties?pageNum=0", 400), ("penalties?updatedSince=x", 400)):
            assert client.get(f"/{path}").status_code == status
        assert client.get("/-/elsewhere").json()["authorized"] == 0


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-02-28 15:33:58", datetime(2023, 2, 28, 7, 33, 58, tzinfo=UTC)),
        ("2022-12-31T16:30:00Z", datetime(2022, 12, 31, 16, 30, tzinfo=UTC)),
        ("2023-01-01T08:30:00.5+0900", datetime(2022, 12, 31, 23, 30, tzinfo=UTC)),
        ("２０２３年3月5日", datetime(2023, 3, 4, 16, tzinfo=UTC)),
        ("20230305", datetime(2023, 3, 4, 16, tzinfo=UTC)),
        ("45000.5", datetime(2023, 3, 15, 4, tzinfo=UTC)),
        ("2023-02-30", None),
        ("昨天", None),
        (None, None),
    ],
)
def test_an_update_time_is_compared_as_an_instant(text: str | None, moment: datetime | None) -> None:
    assert demo().instant(text) == moment


def test_records_whose_time_cannot_be_read_are_always_sent(tmp_path: Path) -> None:
    rows = [row | {"GXSJ": at} for row, at in zip(ROWS, ["2023-01-01", None, "昨天", "2023-06-01T00:00:00Z"], strict=False)]
    with demo().Platform(write_drop(tmp_path / "drop", penalties=rows), port=0) as platform:
        rest = asking(platform.url, incremental=frozenset({"penalties"}))
        assert as_landed(rows_of(rest.pull(PENALTIES, datetime(2023, 6, 1, 8), tmp_path))) == as_landed(rows[1:])


def test_a_drop_without_pages_is_served_from_its_files(root: Path, tmp_path: Path) -> None:
    drop = root / "tests" / "data" / "drops" / "kewei-2024-heavy"
    with demo().Platform(drop, port=0) as platform:
        pulled = asking(platform.url, page_size=50).pull(PENALTIES, None, tmp_path)
        assert platform.records.keys() == {"penalties", "inspections"}
        assert platform.broken == ["penalties-2024-p9.json"]
    assert pulled.rows == len(json.loads((drop / "enforcement" / "penalties-2024.json").read_bytes())) > 0


def test_it_is_started_says_what_to_do_and_ends(root: Path, tmp_path: Path) -> None:
    folder = write_drop(tmp_path / "drop", penalties=ROWS)
    demo_platform = [sys.executable, str(root / "examples" / "demo_platform.py")]
    told = [str(folder), "--port", "0", "--token-env", "DEMO_TOKEN", "--fault", "503"]
    environment = {"DEMO_TOKEN": TOKEN, "PYTHONUTF8": "1"}
    with subprocess.Popen([*demo_platform, *told], stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment) as running:
        assert running.stdout
        lines = list(takewhile(lambda line: "Ctrl+C" not in line, iter(running.stdout.readline, "")))
        url = lines[0].split()[1]
        assert httpx.get(f"{url}/penalties", headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False).status_code == 503
        running.send_signal(signal.SIGINT)
        assert "已结束" in running.stdout.read() and running.wait(10) == 0
    assert "/penalties  95 条" in lines[1] and TOKEN not in "".join(lines)
    assert all(any(fault in line and meaning in line for line in lines) for fault, meaning in demo().FAULTS.items())
