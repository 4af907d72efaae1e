"""Live sources for whole nights: a drop behind a database, a platform and an inbox, their configuration, and what a night left.

Belongs here: putting records where a source holds them, `gouji.toml` for such sources, a night in this process, what is compared. Does not
belong here: starting servers of Debian (`servers.py`, `sshd.py`), what a test expects.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import replay
import sqlalchemy as sa
from servers import Server

from assets.delivery import Delivery
from assets.ingest import ingest
from assets.plan import Plan
from assets.records import settle
from assets.sources.database import Database
from assets.sources.files import Rejected, read
from assets.sources.rest import Rest
from expectations import findings
from pipelines import settings as config
from pipelines.resources import plan_of
from warehouse import gate, report, status
from warehouse.subjects import SUBJECTS

EXPAND = replay.ROOT.parent / "shared" / "tools" / "expand_report.py"
GOLDEN = Path(__file__).parent / "golden"
READER = "gouji_reader"
ENFORCEMENT = ("penalties", "permits", "coercions", "inspections")
REQUESTS = ("applications", "disputes")

Row = dict[str, Any]


# ---- a drop, and its records where live sources hold them -------------------------------------------------------------------


def expanded(golden: str, folder: Path, seed: int) -> Path:
    """A heavy drop of a published report, with pages as a platform gives them."""
    command = [sys.executable, str(EXPAND), str(GOLDEN / f"{golden}.json"), "--out", str(folder)]
    done = subprocess.run([*command, "--noise", "heavy", "--seed", str(seed), "--rest-json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def rows_of(drop: Path, subject: str, columns: Mapping[str, str]) -> list[Row]:
    """The records of all files of a subject that can be read, in file order, as text under house names."""
    contract, rows = SUBJECTS[subject], []
    for file in sorted(drop.glob(contract.pattern), key=str):
        try:
            chunks = read(file, file.name, contract, columns, 1 << 30).chunks
            rows += [{f.name: row[f.name] for f in contract.fields} for chunk in chunks for row in chunk.to_dicts()]
        except Rejected:
            continue
    return rows


def fill(server: Server, place: str, names: Sequence[str], rows: Sequence[Row], kinds: Mapping[str, str] | None = None) -> None:
    """Make the table `place` with these rows and a number in their order, and the view `v_<place>` over it, which the reader may ask.

    Args:
        server: Where.
        place: Name of the table.
        names: Its columns, of text unless `kinds` says otherwise; the values of a row stand in their order.
        rows: What it holds.
        kinds: Column → type.
    """
    quote = "`{}`" if is_mariadb(server) else '"{}"'
    columns = ", ".join(f"{quote.format(n)} {(kinds or {}).get(n, 'text')}" for n in names)
    server.run(f"CREATE TABLE {place} (seq integer PRIMARY KEY, {columns})", f"CREATE VIEW v_{place} AS SELECT * FROM {place}")
    server.run(f"GRANT SELECT ON v_{place} TO {account(server)}")
    add(server, place, names, rows)


def add(server: Server, place: str, names: Sequence[str], rows: Sequence[Row], first: int = 1) -> None:
    """Put rows into such a table, behind those that it has."""
    columns = ["seq", *names]
    bound: dict[str, sa.BindParameter[Any]] = {
        name: sa.bindparam(f"b{at}") for at, name in enumerate(columns)
    }  # a header may hold what no parameter is called
    values = [{f"b{at}": each for at, each in enumerate([n, *row.values()])} for n, row in enumerate(rows, first)]
    with server.connection() as con:
        con.execute(sa.insert(sa.table(place, *map(sa.column, columns))).values(bound), values)


def is_mariadb(server: Server) -> bool:
    """Which of the two it is."""
    return server.admin.get_backend_name() == "mysql"


def account(server: Server) -> str:
    """The reading account, as the database writes it."""
    return f"{READER}@'127.0.0.1'" if is_mariadb(server) else READER


def add_reader(server: Server, password: str) -> None:
    """An account that may log in and, until it is granted something, nothing else."""
    if is_mariadb(server):
        server.run(f"CREATE USER {account(server)} IDENTIFIED BY '{password}'")
    else:
        server.run(f"CREATE ROLE {READER} LOGIN PASSWORD '{password}'", f"ALTER ROLE {READER} SET default_transaction_read_only = on")


@contextmanager
def platform(records: Path, token_env: str, port: int = 0) -> Iterator[str]:
    """The demo platform in a process of its own; its address."""
    command = [sys.executable, str(replay.ROOT / "examples" / "demo_platform.py"), str(records), "--port", str(port)]
    process = subprocess.Popen([*command, "--token-env", token_env], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.stdout.readline().split(" ")[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def pages(folder: Path, subject: str, rows: Sequence[Row], size: int = 1000) -> Path:
    """Records as the demo platform takes them, in place of those of the subject."""
    target = folder / "rest" / subject
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("page-*.json"):
        old.unlink()
    for at in range(0, max(1, len(rows)), size):
        page = {"code": 0, "data": {"rows": rows[at : at + size]}}
        (target / f"page-{at // size + 1}.json").write_text(json.dumps(page, ensure_ascii=False), "utf-8")
    return folder


def rows_of_pages(folder: Path, subject: str) -> list[Row]:
    """The records of a subject as the demo platform holds them."""
    files = sorted((folder / "rest" / subject).glob("page-*.json"), key=lambda f: int(f.stem.partition("-")[2]))
    return [row for file in files for row in json.loads(file.read_text("utf-8"))["data"]["rows"]]


def open_folder(stack: ExitStack, name: str) -> Path:
    """A folder that other users may look into, as a server that runs as one of them must; that of pytest is closed now and again."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix=f"gouji-{name}-")))
    folder.chmod(0o755)
    return folder


# ---- configuration ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Live:
    """A source: its name, what it delivers, `inbox`, `rest`, `database` or `path`, and the keys of that and of the source itself."""

    name: str
    subjects: Sequence[str]
    way: str
    keys: Mapping[str, Any]
    more: Mapping[str, Any] = field(default_factory=dict)

    def text(self, agency: str) -> str:
        """The source in `gouji.toml`."""
        own = {"name": self.name, "agency": agency, "subjects": list(self.subjects), **self.more}
        if self.way == "path":
            return table("[[sources]]", {**own, **self.keys})
        return table("[[sources]]", own) + table(f"[sources.{self.way}]", self.keys)


def table(head: str, keys: Mapping[str, Any]) -> str:
    """A TOML table of strings, numbers, lists, and inline tables of them."""
    return "\n".join([head, *(f"{name} = {value(v)}" for name, v in keys.items()), "", ""])


def value(given: Any) -> str:
    """A value as TOML has it."""
    if isinstance(given, Mapping):
        return "{ " + ", ".join(f"{replay.quoted(k)} = {value(v)}" for k, v in given.items()) + " }"
    return json.dumps(given, ensure_ascii=False)


def configuration(agency: str, name: str, year: int, sources: Sequence[Live], head: str = "") -> str:
    """`gouji.toml` of one organ with these sources; `var` beside it is the data folder."""
    paths = table("[paths]", {"data": "var"}) + table("[nightly]", {"years": [year]}) + head
    return paths + table("[[agencies]]", {"name": name, "code": agency}) + "".join(source.text(agency) for source in sources)


# ---- what a night left ------------------------------------------------------------------------------------------------------

# Rules about files, which live sources have others of.
OF_FILES = ("rejected_file", "rejected_file_gone", "unknown_columns")
_TOLD = {
    "cells": "SELECT agency, year, cell_id, value, records FROM report.cells",
    "places": "SELECT year, subject, record_key, place, rule, count(*) FROM report.places GROUP BY ALL",
    "ledger": "SELECT agency, subject, record_key, place, rule, count(*) FROM core.ledger GROUP BY ALL",
    "findings": "SELECT rule, severity, agency, year, subject, record_key, cell_id, field, expected, "
    "coalesce(try_cast(actual AS DECIMAL(28, 6))::VARCHAR, actual) AS shown, difference, count(*) "
    f"FROM report.findings WHERE rule NOT IN {OF_FILES} GROUP BY ALL",
}
Told = dict[str, set[tuple[Any, ...]]]


def told(var: Path) -> Told:
    """Cells, places, ledger and findings, without the positions of rows in files."""
    with duckdb.connect(var / "gouji.duckdb", read_only=True) as con:
        return {name: set(con.execute(query).fetchall()) for name, query in _TOLD.items()}


def unlike(one: Told, other: Told) -> dict[str, list[Any]]:
    """What stands in one alone, by name of what; at most a few of each."""
    return {name: sorted(one[name] ^ other[name], key=str)[:20] for name in one if one[name] != other[name]}


def ask(var: Path, query: str) -> list[tuple[Any, ...]]:
    """What the warehouse answers."""
    with duckdb.connect(var / "gouji.duckdb", read_only=True) as con:
        return con.execute(query).fetchall()


def exported(var: Path) -> dict[str, bytes]:
    """Every file of the published versions, and where the pointers point."""
    found = {}
    for file in (f for f in (var / "exports").rglob("*") if "audit" not in f.parts):
        if file.is_symlink():
            found[file.relative_to(var).as_posix()] = os.fsencode(file.readlink())
        elif file.is_file():
            found[file.relative_to(var).as_posix()] = file.read_bytes()
    return found


def published(var: Path) -> dict[str, bytes]:
    """The same without what tells in which pull a record came: names of pulls, and the digest of all that ever came."""
    found = exported(var)
    digests = {json.loads(content)["inputs_sha256"] for name, content in found.items() if name.endswith("/manifest.json")}
    of_pulls = re.compile("|".join([r"(?<=/)\d{8}T\d{6}-\d{6}(?=/)", *digests]).encode())
    # The manifest says once more what the other files are like, to the byte.
    return {name: of_pulls.sub(b"", content) for name, content in found.items() if not name.endswith("/manifest.json")}


# ---- a night in this process ------------------------------------------------------------------------------------------------


def impatient(delivery: Delivery) -> Delivery:
    """The same delivery, with pauses between attempts that a test can wait for."""
    match delivery.connector:
        case Rest() as rest:
            return replace(delivery, connector=replace(rest, backoff=0.01, longest_wait=0.01))
        case Database() as database:
            return replace(delivery, connector=replace(database, pause_seconds=0.01))
    return delivery


def night(file: Path) -> int:
    """What `gouji run` does, without Dagster; its exit code: 0, or 3 when a critical finding holds something back."""
    settings = config.load(file)
    settings.data.mkdir(exist_ok=True)
    plan = plan_of(settings)
    for subject in SUBJECTS:
        if deliveries := [impatient(d) for d in plan.deliveries[subject]]:
            ingest(plan.warehouse, plan.landing, subject, deliveries, run_id="run", limit_bytes=plan.limit_bytes)
            settle(plan.warehouse, subject, plan.vocabulary)
    return _judged(plan)


def _judged(plan: Plan) -> int:
    years = list(plan.scope.years)
    with plan.warehouse.step() as con:
        report.describe(con, plan.scope)
        report.count(con, years, plan.today, plan.rules_version)
    critical = findings.judge(plan.warehouse, years, plan.today, suites=False).counts.get("critical", 0)
    gate.release(plan.warehouse, plan.exports, years, plan.today, plan.say)
    status.write(plan.warehouse, plan.status, "run")
    return 3 if critical else 0
