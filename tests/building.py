"""A small house for tests: folders of records, nights without Dagster, and questions to the warehouse they leave."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import xlsxwriter

from assets.delivery import Delivery
from assets.ingest import ingest
from assets.logic.vocabulary import Vocabulary
from assets.logs import count_days, land_logs
from assets.look import Ingested
from assets.records import Settled, settle
from assets.sources.folder import Folder
from expectations import findings
from warehouse import counting, report
from warehouse.landing import Landing
from warehouse.store import Warehouse
from warehouse.subjects import ACCESS_LOG, ACCESS_LOG_PATTERN, SUBJECTS

AGENCY, NAME = "11990100000000115Q", "测试市测试局"
OTHER, OTHER_NAME = "1199010000000022XR", "测试市另一局"
FIRM, LAW_FIRM, SOLE_TRADER = "91990100MA0000015X", "31990100MA0000023Y", "92990100MA0000031G"  # right credit codes, nobody's
WRONG_CODE = "91990100MA0000015Y"  # wrong in its check character

# A good record of each subject, by house name, that counts for 2023; a test changes what it is about.
GOOD: Mapping[str, Mapping[str, str]] = {
    "applications": {
        "application_no": "A-1",
        "applicant_kind": "自然人",
        "received_on": "2023-03-01",
        "replied_on": "2023-03-15",
        "outcome": "予以公开",
        "updated_at": "2023-03-15 10:00:00",
    },
    "disputes": {
        "case_no": "D-1",
        "case_kind": "行政复议",
        "accepted_on": "2023-03-01",
        "closed_on": "2023-04-01",
        "result": "维持",
        "updated_at": "2023-04-01 10:00:00",
    },
    "penalties": {
        "organ_code": AGENCY,
        "document_no": "P-1",
        "decided_on": "2023-05-01",
        "decision_state": "有效",
        "updated_at": "2023-05-02 10:00:00",
    },
    "permits": {
        "organ_code": AGENCY,
        "document_no": "X-1",
        "decided_on": "2023-05-01",
        "decision_result": "准予",
        "updated_at": "2023-05-02 10:00:00",
    },
    "coercions": {
        "organ_code": AGENCY,
        "document_no": "Q-1",
        "decided_on": "2023-05-01",
        "coercion_kind": "强制措施",
        "updated_at": "2023-05-02 10:00:00",
    },
    "inspections": {
        "task_no": "T-1",
        "object_uscc": FIRM,
        "organ_code": AGENCY,
        "inspectors": "测试甲、测试乙",
        "inspected_on": "2023-05-01",
        "updated_at": "2023-05-02 10:00:00",
    },
    "publications": {
        "item_id": "N-1",
        "title": "通知",
        "channel": "通知公告",
        "disclosure": "主动公开",
        "publisher": NAME,
        "action": "发布",
        "acted_at": "2023-05-01 09:00:00",
    },
    "normative_documents": {
        "document_no": "R-1",
        "title": "办法",
        "kind": "行政规范性文件",
        "issuer": NAME,
        "dated_on": "2023-05-01",
        "issued_on": "2023-05-02",
        "status": "有效",
        "updated_at": "2023-05-02 10:00:00",
    },
    "fees": {
        "receipt_no": "F-1",
        "item": "证照工本费",
        "organ_code": AGENCY,
        "amount_yuan": "380",
        "collected_on": "2023-05-01",
        "updated_at": "2023-05-02 10:00:00",
    },
}


def good(subject: str, **changes: str | None) -> dict[str, str | None]:
    """A good record of a subject with some fields changed."""
    assert changes.keys() <= SUBJECTS[subject].by_name.keys()
    return {**GOOD[subject], **changes}


def write(path: Path, rows: Sequence[Mapping[str, str | None]], headers: Mapping[str, str] | None = None) -> Path:
    """Records as a file in the format of its suffix, under house names or other `headers` (house name → header)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for row in rows for name in row))
    shown = [(headers or {}).get(name, name) for name in names]
    if path.suffix == ".json":
        path.write_text(json.dumps([{(headers or {}).get(k, k): v for k, v in row.items()} for row in rows], ensure_ascii=False), "utf-8")
    elif path.suffix == ".xlsx":
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet("记录")
            for at, row in enumerate([shown, *([row.get(name) for name in names] for row in rows)]):
                for col, value in enumerate(row):
                    if value is not None:
                        sheet.write_string(at, col, value)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([shown, *([row.get(name) or "" for name in names] for row in rows)])
    return path


def log_line(at: str, *, status: int = 200, agent: str = "Mozilla/5.0", address: str = "198.51.100.7") -> str:
    """A line of an access log; `at` is like 01/May/2023:09:00:00 +0800."""
    return f'{address} - - [{at}] "GET /index.html HTTP/1.1" {status} 512 "-" "{agent}"\n'


def write_log(path: Path, lines: Iterable[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(lines).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path


@cache
def _empty_warehouse() -> bytes:
    """A warehouse file without records: creating several hundred columns with their comments once a process is enough."""
    with TemporaryDirectory() as folder:
        empty = Warehouse(Path(folder) / "w.duckdb")
        with empty.step():
            pass
        return empty.path.read_bytes()


_open: dict[Path, tuple[ExitStack, duckdb.DuckDBPyConnection]] = {}
_FEW = 3


def _shut(path: Path) -> None:
    if path in _open:
        _open.pop(path)[0].close()


class KeptOpen(Warehouse):
    """A warehouse whose file stays open between steps, each of which still has a connection of its own: opening takes most of the time."""

    @contextmanager
    def connect(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A further connection to the open file."""
        if self.path not in _open:
            for path in list(_open)[: 1 - _FEW]:
                _shut(path)
            stack = ExitStack()
            _open[self.path] = stack, stack.enter_context(super().connect())
        with _open[self.path][1].cursor() as con:
            yield con


@dataclass
class House:
    """An agency's folders and warehouse. `sources` is name → agency; every source delivers every one of `subjects`."""

    folder: Path
    subjects: tuple[str, ...]
    sources: dict[str, str] = field(default_factory=lambda: {"records": AGENCY})
    agencies: tuple[tuple[str, str, tuple[str, ...]], ...] = ((AGENCY, NAME, ()),)
    years: tuple[int, ...] = (2023,)
    columns: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    vocabulary: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    rehash_days: int = 7
    limit_bytes: int = 10_000_000
    run: int = 0
    today: date = date(2024, 1, 20)
    more: dict[str, Any] = field(default_factory=dict)  # further parts of the scope: ignored, given, claims

    def __post_init__(self) -> None:
        if not (self.folder / "var").exists():
            (self.folder / "var").mkdir(parents=True)
            (self.folder / "var" / "w.duckdb").write_bytes(_empty_warehouse())

    def close(self) -> None:
        """Let other processes have the warehouse."""
        _shut(self.warehouse.path)

    def copy(self, folder: Path) -> House:
        """The house as it stands, elsewhere."""
        self.close()
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder, sources=dict(self.sources), settings=dict(self.settings))

    @property
    def warehouse(self) -> Warehouse:
        return KeptOpen(self.folder / "var" / "w.duckdb", memory_limit="500MB", threads=1)

    @property
    def landing(self) -> Landing:
        return Landing(self.folder / "var" / "landing")

    @property
    def hits(self) -> Path:
        return self.folder / "var" / "hits"

    def path(self, subject: str, name: str, source: str = "records") -> Path:
        """Where a file of this name lies, `name` being what follows the name of the subject: `.csv`, `-2023.xlsx`."""
        pattern = SUBJECTS[subject].pattern if subject in SUBJECTS else ACCESS_LOG_PATTERN
        return self.folder / source / pattern.replace("*", name)

    def put(self, subject: str, name: str, *rows: Mapping[str, str | None], source: str = "records") -> Path:
        """Write records of a subject where the source looks for them."""
        return write(self.path(subject, name, source), rows)

    def deliveries(self, subject: str) -> list[Delivery]:
        pattern = SUBJECTS[subject].pattern if subject in SUBJECTS else ACCESS_LOG_PATTERN
        return [Delivery(name, agency, Folder(self.folder / name), (pattern,), self.columns) for name, agency in self.sources.items()]

    def land(self, subject: str) -> Ingested:
        """One look at all sources of a subject."""
        if subject == ACCESS_LOG:
            return land_logs(self.warehouse, self.landing, self.hits, self.deliveries(subject), run_id=f"run {self.run}")
        return ingest(
            self.warehouse,
            self.landing,
            subject,
            self.deliveries(subject),
            run_id=f"run {self.run}",
            limit_bytes=self.limit_bytes,
            rehash_days=self.rehash_days,
        )

    def settle(self, subject: str) -> Settled:
        return count_days(self.warehouse, self.hits) if subject == ACCESS_LOG else settle(self.warehouse, subject, self.words())

    def words(self) -> Vocabulary:
        return Vocabulary.of(self.vocabulary, self.settings.get("sole_trader_class", ""))

    def scope(self) -> report.Scope:
        settings = {name: stored(s.default) for name, s in counting.settings().items()} | self.settings
        sources = tuple((agency, name, subject) for name, agency in self.sources.items() for subject in self.subjects)
        return report.Scope(self.agencies, self.years, tuple(settings.items()), sources, **self.more)

    def count(self, years: Sequence[int] | None = None) -> dict[str, int]:
        """The report layer; number of findings by severity."""
        due = list(self.years if years is None else years)
        with self.warehouse.step() as con:
            report.describe(con, self.scope())
            report.count(con, due, self.today, again=True)
        return dict(findings.judge(self.warehouse, due, self.today, again=True, suites=False).counts)

    def records(self) -> None:
        """Land and settle every subject, in a run of its own."""
        self.run += 1
        for subject in self.subjects:
            self.land(subject)
            self.settle(subject)

    def night(self) -> dict[str, int]:
        """All of a night."""
        self.records()
        return self.count()

    def ask(self, query: str, **params: Any) -> list[tuple[Any, ...]]:
        with self.warehouse.connect() as con:
            return con.execute(query, params).fetchall()

    def change(self, statement: str) -> None:
        """Tamper with the warehouse."""
        with self.warehouse.connect() as con:
            con.execute(statement)

    def files(self) -> list[tuple[str, str, str | None]]:
        """Path, state and reason of every file, in the order in which they were recorded."""
        return self.ask("SELECT path, state, reason FROM raw.files ORDER BY file_id")

    def cells(self, year: int = 2023, agency: str = AGENCY) -> dict[str, Any]:
        with self.warehouse.connect() as con:
            return dict(report.values(con, agency, year))

    def findings(self, *rules: str) -> list[dict[str, Any]]:
        """Findings of these rules, or all."""
        with self.warehouse.connect() as con:
            return [f for f in findings.stored(con).to_dicts() if not rules or f["rule"] in rules]

    def places(self, year: int = 2023, agency: str = AGENCY) -> dict[tuple[str, int], tuple[str, str | None]]:
        """(path, row) → (place, rule) in a report."""
        rows = self.ask(
            "SELECT f.path, p.row_no, p.place, p.rule FROM report.places AS p JOIN raw.files AS f USING (file_id) "
            "WHERE p.year = $year AND p.agency = $agency",
            year=year,
            agency=agency,
        )
        assert len(rows) == len({row[:2] for row in rows})
        return {(path, row_no): (place, rule) for path, row_no, place, rule in rows}

    def fates(self, year: int = 2023, agency: str = AGENCY) -> dict[str, tuple[str, str | None]]:
        """Record key → (place, rule), for records of which one row was landed."""
        rows = self.ask(
            "SELECT record_key, place, rule FROM report.places WHERE year = $year AND agency = $agency", year=year, agency=agency
        )
        assert len(rows) == len({row[0] for row in rows})
        return {key: (place, rule) for key, place, rule in rows}


def stored(value: str | bool | tuple[str, ...]) -> str:
    """A setting as `report.settings` holds it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else ",".join(value)


def fetch(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The single value a query answers with."""
    row = con.execute(query).fetchone()
    assert row is not None
    return row[0]
