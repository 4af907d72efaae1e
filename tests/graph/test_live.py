"""A drop behind live sources gives what its files give, night after night: a database, a platform and an inbox, each a real server.

The drops are made by the expander in the folder beside the project, which is there in CI; where it is not, the test says so.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import comparing
import live
import platforms
import pytest
import replay
from building import AGENCY, NAME, good
from live import ENFORCEMENT, REQUESTS, Live, Row, Told
from servers import Server, mariadb, postgresql
from sshd import Sshd, someone

from warehouse import publish
from warehouse.subjects import SUBJECTS

needs_drops = pytest.mark.skipif(not live.EXPAND.exists(), reason=f"needs the folder {live.EXPAND.parent.parent.name} beside the project")
TOKEN, PASSWORD = "GOUJI_TEST_TOKEN", "GOUJI_TEST_DATABASE"
SECRETS = {TOKEN: "token-of-the-live-tests", PASSWORD: "p@ss:/wörd#%1"}
INBOX = ("publications", "normative_documents", "access_log", "fees")
LATER = "2030-01-01 10:00:00"
Database = Callable[[Path], AbstractContextManager[Server]]
# A golden, a seed, a database, how the inbox is reached.
CASES: dict[str, tuple[str, int, Database, str]] = {
    "xinxiang": ("henan-xinxiang-gongxinju-2023", 7, postgresql, "folder"),
    "kewei": ("shanghai-kewei-2024", 3, mariadb, "sftp"),
}


class Bureau:
    """A drop whose records lie behind live sources, with a first night over these and one over its files."""

    def __init__(self, folder: Path, stack: ExitStack, golden: str, seed: int, database: Database, inbox: str) -> None:
        self.drop = live.expanded(golden, folder / "drop", seed)
        self.agency, self.expected = (comparing.read(self.drop / f"{name}.json") for name in ("agency", "expected"))
        self.config, self.files = folder / "live" / "gouji.toml", folder / "files" / "gouji.toml"
        self.server = stack.enter_context(database(live.open_folder(stack, "server") / "server"))
        self._fill()
        self._open = stack.enter_context(ExitStack())
        self.url = self._open.enter_context(live.platform(self.drop, TOKEN))
        self._inbox = self._keys_of_the_inbox(folder, stack, inbox)
        self.config.parent.mkdir()
        self.configure()
        self.files.parent.mkdir()
        self.files.write_text(replay.configuration([self.drop], self.files.parent / "var"), "utf-8")

    def _fill(self) -> None:
        live.add_reader(self.server, SECRETS[PASSWORD])
        for subject in REQUESTS:
            rows = live.rows_of(self.drop, subject, self.agency["columns"][subject])
            live.fill(self.server, subject, self.names(subject), rows)

    def names(self, subject: str) -> list[str]:
        """The columns of a subject in the database: once as a clerk calls them, once as a programmer does."""
        return [f.name if live.is_mariadb(self.server) else f.zh for f in SUBJECTS[subject].fields]

    def _keys_of_the_inbox(self, folder: Path, stack: ExitStack, how: str) -> dict[str, Any]:
        rejected = {Path(f["file"]).name for f in self.expected["rejected_files"]}  # the other sources have none of them either
        root = live.open_folder(stack, "in")
        for part in ("site", "fees"):
            shutil.copytree(self.drop / part, root / part, ignore=lambda _, names: rejected.intersection(names))
        if how == "folder":
            return {"url": str(root)}
        server = Sshd(live.open_folder(stack, "sshd") / "home", someone())
        stack.callback(server.stop)
        login = server.login(root)
        url = f"sftp://{login.user}@{login.host}:{login.port}{root}"
        return {"url": url, "key_file": str(server.key), "known_hosts": str(server.known_hosts)}

    def configure(self, **rest: Any) -> None:
        """Write the configuration of the live sources; `rest` are further keys of the platform."""
        outcomes = {**self.agency["outcome_synonyms"], **self.agency["outcome_codes"]}
        database = {
            "url": self.server.url(live.READER), "password_env": PASSWORD,
            "tables": {s: f"v_{s}" for s in REQUESTS}, "order": {s: ["seq"] for s in REQUESTS},
        }  # fmt: skip
        values = {"applications": {"outcome": outcomes}, "disputes": {"result": self.agency["dispute_results"]}}
        sources = [
            Live("oa", REQUESTS, "database", database, {"values": values}),
            Live("platform", ENFORCEMENT, "rest", {"url": self.url, "token_env": TOKEN, "page_size": 20, **rest}),
            Live("inbox", INBOX, "inbox", {"settle_seconds": 0, **self._inbox}),
        ]
        head = live.table("[counting]", {n: self.agency[n] for n in ("permit_results_counted", "penalty_states_counted")})
        text = live.configuration(self.agency["uscc"], self.agency["name"], self.agency["report_year"], sources, head)
        self.config.write_text(text, "utf-8")

    def show(self, subject: str, rows: list[Row]) -> None:
        """Let the platform have other records of a subject, at the same address."""
        self._open.close()
        live.pages(self.drop, subject, rows)
        again = self._open.enter_context(live.platform(self.drop, TOKEN, urlsplit(self.url).port or 0))
        assert again == self.url

    def night(self) -> Told:
        """A night over the live sources, which nothing holds back."""
        done = replay.run(self.config)
        assert done.returncode == 0, done.stdout + done.stderr
        return live.told(self.var)

    @property
    def var(self) -> Path:
        return self.config.parent / "var"

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return live.ask(self.var, query)

    def singles(self, subject: str) -> list[str]:
        """Keys of records of which there is one row, in order; those that count come first."""
        found = self.ask(
            "SELECT record_key FROM core.ledger AS l LEFT JOIN report.places AS p USING (subject, file_id, row_no, record_key) "
            f"WHERE subject = '{subject}' GROUP BY ALL HAVING count(*) = 1 AND any_value(l.place) = 'current' "
            "ORDER BY any_value(p.place) <> 'counted', record_key"
        )
        return [key for (key,) in found]


@pytest.fixture(scope="module", params=CASES)
def bureau(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bureau, Told, Told]]:
    """A bureau, and what the night over the files of its drop and the first night over its live sources left."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, secret in SECRETS.items():
            patch.setenv(name, secret)
        made = Bureau(tmp_path_factory.mktemp("live"), stack, *CASES[request.param])
        assert replay.run(made.files).returncode == 3  # the drop has files that are rejected
        yield made, live.told(made.files.parent / "var"), made.night()


@needs_drops
@pytest.mark.wide
def test_live_sources_give_what_the_files_give(bureau: tuple[Bureau, Told, Told], tmp_path: Path) -> None:
    made, by_files, first = bureau
    assert live.unlike(first, by_files) == {}
    year, code = str(made.expected["year"]), made.expected["uscc"]
    replay.collect(made.config, year, code, tmp_path)
    found = comparing.read(tmp_path / year / "ledger.json")
    assert comparing.tables(made.expected, comparing.read(tmp_path / year / "tables.json")) == []
    assert found["sources"] == made.expected["sources"]
    same = ("source", "key", "place", "rule")
    assert Counter(tuple(r[n] for n in same) for r in found["rows_not_counted"]) == Counter(
        tuple(r[n] for n in same) for r in made.expected["rows_not_counted"]
    )


@needs_drops
@pytest.mark.wide
def test_the_nights_after_it_bring_what_is_new_and_nothing_else(bureau: tuple[Bureau, Told, Told]) -> None:
    made, _, first = bureau
    rows = {s: made.ask(f"SELECT count(*) FROM raw.{s}") for s in SUBJECTS}
    assert live.unlike(made.night(), first) == {}
    assert {s: made.ask(f"SELECT count(*) FROM raw.{s}") for s in SUBJECTS} == rows
    assert made.ask("SELECT max(version) FROM report.versions") == [(1,)]

    made.configure(incremental=[])  # everything is asked for, as it is once a week
    gone = {change(made) for change in (change_the_platform, change_the_database)}
    third = made.night()
    brought = made.ask(
        "SELECT subject, rows_read FROM raw.loads QUALIFY row_number() OVER (PARTITION BY subject ORDER BY load_id DESC) = 1"
    )
    assert {subject: n for subject, n in brought if n} == {"penalties": 2, "applications": 2}
    vanished = made.ask("SELECT subject, record_key, severity FROM report.findings WHERE rule = 'vanished_record'")
    assert {(subject, key) for subject, key, _ in vanished} == gone and {s for *_, s in vanished} == {"warning"}
    places = [{p for p in told["places"] if p[1:3] in gone} for told in (first, third)]
    assert places[0] == places[1] and len(places[0]) == 2
    assert more(first, third) == {
        "table2.punishment_decisions": 1,
        **{f"table3.{row}.{col}": 1 for row in ("new_received", "granted", "total_handled") for col in ("natural_person", "total")},
    }
    assert made.ask("SELECT max(version) FROM report.versions") == [(2,)]
    (current,) = (made.var / "exports").glob("*/*/current")
    assert current.readlink().name.startswith("v0002-") and publish.verify(current.resolve()) == []


def more(before: Told, after: Told) -> dict[str, int]:
    """By how much each cell of the report has grown."""
    figures = [{cell: value or 0 for _, _, cell, value, _ in told["cells"]} for told in (before, after)]
    assert figures[0].keys() == figures[1].keys()
    return {cell: int(figures[1][cell] - n) for cell, n in figures[0].items() if figures[1][cell] != n}


def change_the_platform(made: Bureau) -> tuple[str, str]:
    """One penalty changes, one comes, one goes; the one that goes."""
    rows = live.rows_of_pages(made.drop, "penalties")
    by_key = {f"{row['CF_CFJGDM']}|{row['CF_WSH']}": row for row in rows}
    one, other = [key for key in made.singles("penalties") if key in by_key][:2]
    year = made.agency["report_year"]
    new = {
        "CF_WSH": f"测工信罚决〔{year}〕99号",
        "CF_CFJGDM": made.agency["uscc"],
        "CF_JDRQ": f"{year}-05-01",
        "JDZT": "有效",
        "GXSJ": LATER,
    }
    by_key[one].update(CF_NR_FK="9.99", GXSJ=LATER)
    made.show("penalties", [*(row for row in rows if row is not by_key[other]), by_key[one] | new])
    return "penalties", other


def change_the_database(made: Bureau) -> tuple[str, str]:
    """One application changes, one comes, one goes; the one that goes."""
    names = dict(zip((f.name for f in SUBJECTS["applications"].fields), made.names("applications"), strict=True))
    quote = "`" if live.is_mariadb(made.server) else '"'
    number, note, updated = (f"{quote}{names[n]}{quote}" for n in ("application_no", "note", "updated_at"))
    one, other = made.singles("applications")[:2]
    made.server.run(f"UPDATE applications SET {note} = '更正', {updated} = '{LATER}' WHERE {number} = '{one}'")
    made.server.run(f"DELETE FROM applications WHERE {number} = '{other}'")
    year = made.agency["report_year"]
    new = good("applications", application_no="新-1", received_on=f"{year}-03-01", replied_on=f"{year}-03-15", updated_at=LATER)
    live.add(made.server, "applications", list(names.values()), [dict.fromkeys(names) | new], first=1_000_000)
    return "applications", other


# ---- what has changed since the last time ----------------------------------------------------------------------------------

ORGAN = good("penalties")["organ_code"]


def penalty(number: int, updated_at: str) -> Row:
    return {"CF_CFJGDM": ORGAN, "CF_WSH": f"P-{number}", "CF_JDRQ": "2023-05-01", "JDZT": "有效", "GXSJ": updated_at}


def fee(number: int, updated_at: str) -> Row:
    return good("fees", receipt_no=f"F-{number}", updated_at=updated_at)


@pytest.mark.wide
def test_only_what_has_changed_is_asked_for_and_ties_come_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, SECRETS[PASSWORD])
    tie, older = "2023-06-30 10:00:00", "2023-06-30 09:59:59"
    first = [penalty(1, tie), penalty(2, "2023-05-01 10:00:00")]
    records, config = live.pages(tmp_path / "platform", "penalties", first), tmp_path / "gouji.toml"
    with ExitStack() as stack:
        server = stack.enter_context(postgresql(live.open_folder(stack, "server") / "server"))
        platform = stack.enter_context(platforms.demo().Platform(records, port=0))
        live.add_reader(server, SECRETS[PASSWORD])
        names = list(fee(1, tie))
        live.fill(server, "fees", names, [fee(1, tie), fee(2, "2023-05-01 10:00:00")], {"updated_at": "timestamp"})
        database = {"url": server.url(live.READER), "password_env": PASSWORD, "tables": {"fees": "v_fees"}}
        sources = [
            Live("platform", ["penalties"], "rest", {"url": platform.url}, {"overlap_hours": 0}),
            Live("oa", ["fees"], "database", database, {"overlap_hours": 0}),
        ]
        config.write_text(live.configuration(AGENCY, NAME, 2023, sources), "utf-8")
        assert replay.run(config).returncode == 0
        assert not [q for q in platform.requests if "updatedSince" in q]
        platform.requests.clear()
        # What was changed before the last time, and not told then, is only found when everything is asked for.
        live.pages(records, "penalties", [*first, penalty(3, tie), penalty(4, older), penalty(5, "")])
        platform.records, _ = platforms.demo().read_records(records)
        live.add(server, "fees", names, [fee(3, tie), fee(4, older), fee(5, "2023-07-01 00:00:00")], first=3)
        assert replay.run(config).returncode == 0
        assert {parse_qs(q)["updatedSince"][0] for q in platform.requests} == {tie}
    var = tmp_path / "var"
    assert [no for (no,) in live.ask(var, "SELECT document_no FROM core.penalties WHERE state = 'current' ORDER BY ALL")] == [
        "P-1", "P-2", "P-3", "P-5",
    ]  # fmt: skip
    assert [no for (no,) in live.ask(var, "SELECT receipt_no FROM core.fees WHERE state = 'current' ORDER BY ALL")] == [
        "F-1", "F-2", "F-3", "F-5",
    ]  # fmt: skip
    loads = live.ask(var, "SELECT kind, is_full, since::VARCHAR, rows_read, rows_unchanged FROM raw.loads ORDER BY load_id DESC LIMIT 2")
    assert sorted(loads) == [("database", False, tie, 2, 1), ("rest", False, tie, 2, 1)]
