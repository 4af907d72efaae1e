"""The auditors' file: a DuckDB database of everything public, made anew from its tables and never by deleting from a copy.

Belongs here: which tables are public, how the file is built, proved equal to the warehouse, named and pointed to. Does not belong here:
what the audit schema looks like (`audit`), when a file is due (`gate`), questions put to it (`ask`).

A file is named after its content and never changed: `gouji-<digest>.duckdb`, with its SHA-256 beside it, and `current.duckdb` points to
the one in force. Whoever has an older file open keeps it. It holds no time of its own: the same tables give the same name.

Of the versions, only what is visible in a published one is copied, and `v_from` and `v_to` are told in published versions
(`sql/snapshot/history_rows.sql`), so that the file does not say what an unpublished draft changed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

from warehouse import audit, tables, views
from warehouse.landing import flush
from warehouse.model import Table
from warehouse.sql import query

_REPORT = (
    "years", "agency_names", "settings", "expected_sources", "form_cells", "versions", "cell_versions", "evidence_versions",
    "publications", "status", "findings", "ignored", "given_figures", "claims",
)  # fmt: skip
_HISTORIES = ("report.cell_versions", "report.evidence_versions")
# Views that read `raw` in the warehouse: what they answer is copied.
_ANSWERS = ("report.sources", "report.access_log_places")
# Views that stand on public tables alone, and must answer in the file as they do in the warehouse.
_SAME = ("core.ledger", "report.places", "report.ledger_totals")
# Views of the warehouse that the file does not have: they read `raw`, show drafts, or tell of runs (which the status file does).
_ABSENT = frozenset({"report.inputs", "report.cells", "report.evidence", "report.freshness", *_ANSWERS})
_SCHEMAS = ("core", "report", "audit")
_STORAGE = "v1.0.0"  # what auditors have need not be the newest; tried with DuckDB 1.2.2, 1.3.2, 1.5.5 and 2.0.0
_KEPT = 2
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class SnapshotError(RuntimeError):
    """The auditors' file could not be made, or is not what the warehouse holds; the file in force is untouched."""


@dataclass(frozen=True)
class Snapshot:
    """The auditors' file in force: where it stands, its SHA-256, the digest of its content, whether it was made just now."""

    path: Path
    sha256: str
    digest: str
    is_new: bool


@dataclass(frozen=True)
class Content:
    """What stands in a table: how many rows, and a hash that does not depend on their order."""

    rows: int
    hash: int


def publish(con: duckdb.DuckDBPyConnection, folder: Path) -> Snapshot:
    """Let `current.duckdb` in a folder hold what is public in the warehouse now; a file with that content is used again.

    Args:
        con: The warehouse, open for writing and in no transaction.
        folder: Where the files stand; made where it is missing.

    Raises:
        SnapshotError: the file could not be written, or is not equal to the warehouse; `current.duckdb` is what it was.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        try:
            return _publish(con, folder)
        finally:
            _sweep(folder)
    except (OSError, duckdb.Error) as error:
        raise SnapshotError(f"审计库没有写成，现行的审计库没有变动：{_reason(error)}") from error


def _publish(con: duckdb.DuckDBPyConnection, folder: Path) -> Snapshot:
    contents = _contents(con, public())
    digest = digest_of(contents)
    path = folder / f"gouji-{digest[:12]}.duckdb"
    sha256 = _sound(path)
    is_new = sha256 is None
    if sha256 is None:
        aside = folder / f".tmp-{os.getpid()}.duckdb"
        _build(con, aside)
        _verify(con, aside, contents)
        sha256 = _keep(aside, path)
    else:
        os.utime(path)  # the newest again, so that it outlives the others
    _point(folder, path.name)
    _forget(folder, path)
    return Snapshot(path, sha256, digest, is_new)


# ---- what is public -------------------------------------------------------------------------------------------------------


@cache
def copies() -> Mapping[str, Table]:
    """Every table of the file that is filled from the warehouse, as the dictionary describes it."""
    core = [t for t in tables.TABLES.values() if t.layer == "core" and t.name != "cleaned"]
    report = [tables.TABLES[f"report.{name}"] for name in _REPORT]
    return {t.full_name: t for t in (*core, *report, *(tables.VIEWS[name] for name in _ANSWERS))}


@cache
def public() -> Mapping[str, str]:
    """Table of the file → the query that answers with its rows in the warehouse."""
    rows = {name: f"FROM {name}" for name in copies()}
    rows["report.versions"] = query("snapshot/history_versions")
    rows |= {name: query("snapshot/history_rows").replace("report.history", name) for name in _HISTORIES}
    return {name: f"SELECT {_listed(table)} FROM ({rows[name]})" for name, table in copies().items()}


@cache
def own_views() -> Mapping[str, tuple[str, str]]:
    """View of the file → (Chinese comment, query), in the order in which they build on each other."""
    known = {name: view for name, view in views.definitions().items() if name not in _ABSENT}
    return known | {name: (view.zh, query(f"snapshot/{view.name}")) for name, view in audit.VIEWS.items()}


def digest_of(contents: Mapping[str, Content]) -> str:
    """The digest of a file with these contents: rows, and all that is said about them."""
    lines = [f"{name}\t{content.rows}\t{content.hash}" for name, content in contents.items()]
    said = [_tables(), own_views(), audit.MACROS, audit.JUDGED, audit.words(), *map(repr, audit.VIEWS.values())]
    return hashlib.sha256("\n".join([*lines, *map(repr, said)]).encode()).hexdigest()


def _listed(table: Table) -> str:
    return ", ".join(f'"{c.name}"' for c in table.columns)


def _contents(con: duckdb.DuckDBPyConnection, queries: Mapping[str, str]) -> dict[str, Content]:
    found = {}
    for name, text in queries.items():
        # a sum, because equal rows would cancel each other out in an exclusive or
        row = con.execute(f"SELECT count(*), coalesce(sum(hash(t)), 0) FROM ({text}) AS t").fetchone()
        assert row is not None
        found[name] = Content(*row)
    return found


# ---- the file -------------------------------------------------------------------------------------------------------------


def _build(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the file: tables with their comments, rows, views, macros, dictionary; one transaction, so one state of the warehouse."""
    with _attached(con, path) as source:
        con.execute("USE snap")
        for statement in _tables():
            con.execute(statement)
        con.execute(f"USE {source}")
        for name, text in public().items():
            con.execute(f"INSERT INTO snap.{name} {text}")
        con.execute("USE snap")
        for name, rows in audit.words().items():
            con.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        _create_views(con)
        con.execute(f"INSERT INTO audit.dictionary BY NAME {query('snapshot/dictionary')}")


@contextmanager
def _attached(con: duckdb.DuckDBPyConnection, path: Path) -> Iterator[str]:
    """A transaction that writes to a new file; yields the quoted name of the warehouse's own database."""
    row = con.execute("SELECT current_database()").fetchone()
    assert row is not None
    source = _quoted(row[0], '"')
    con.execute(f"ATTACH {_quoted(str(path))} AS snap (STORAGE_VERSION '{_STORAGE}')")
    try:
        con.begin()
        yield source
        con.execute(f"USE {source}")
        con.commit()
        con.execute("CHECKPOINT snap")
        con.execute("DETACH snap")
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # a failed commit has ended the transaction already
            con.rollback()
        for statement in (f"USE {source}", "DETACH snap"):
            with contextlib.suppress(duckdb.Error):  # the first error is the one to tell
                con.execute(statement)
        raise


@cache
def _tables() -> list[str]:
    every = [*copies().values(), *audit.TABLES.values()]
    return [*(f"CREATE SCHEMA IF NOT EXISTS {s}" for s in _SCHEMAS), *(_here(statement) for t in every for statement in t.ddl())]


def _create_views(con: duckdb.DuckDBPyConnection) -> None:
    for name, (zh, text) in own_views().items():
        con.execute(f"CREATE VIEW {name} AS {text}")
        con.execute(f"COMMENT ON VIEW {name} IS {_quoted(zh)}")
        described = {**tables.VIEWS, **audit.VIEWS}.get(name)
        comments = {c.name: c.comment for c in described.columns} if described else audit.JUDGED
        for column in [row[0] for row in con.execute(f"DESCRIBE {name}").fetchall()]:
            con.execute(f'COMMENT ON COLUMN {name}."{column}" IS {_quoted(_here(comments[column]))}')
    for name, (zh, text) in audit.MACROS.items():
        con.execute(f"CREATE MACRO {name}(of_agency, of_year, of_version) AS TABLE {text}")
        con.execute(f"COMMENT ON MACRO TABLE {name} IS {_quoted(zh)}")


def _here(text: str) -> str:
    """A comment of the dictionary, pointing to what stands in this file."""
    return text.replace("raw.files", "report.sources")


def _quoted(text: str, mark: str = "'") -> str:
    return mark + text.replace(mark, mark * 2) + mark


# ---- the proof ------------------------------------------------------------------------------------------------------------


def _verify(con: duckdb.DuckDBPyConnection, path: Path, expected: Mapping[str, Content]) -> None:
    """Open the file as an auditor will, and look whether it holds what is public in the warehouse, all of it, and nothing else."""
    same = {name: f"FROM {name}" for name in _SAME}
    expected = {**expected, **_contents(con, same)}
    with duckdb.connect(path, read_only=True, config=_config(con)) as made:
        _assert_only_public(made)
        found = _contents(made, {name: f"FROM {name}" for name in expected})
        wrong = [name for name, content in expected.items() if content != found[name]]
        if wrong:
            raise SnapshotError(f"审计库与仓库不一致，没有启用：{'、'.join(wrong)}。请重新运行；再次出现时请报告。")
        torn = made.execute(query("snapshot/reaggregated")).fetchall()
        if torn:
            lines = [f"{a} {y} 年度第 {v} 版 {cell}：单元格 {value}，依据合计 {total}" for a, y, v, cell, value, total in torn[:5]]
            raise SnapshotError("审计库中单元格与依据不符，没有启用：\n" + "\n".join(lines))
        for name in [*own_views(), *(f"{macro}('', 0, 0)" for macro in audit.MACROS)]:
            made.execute(f"FROM {name} LIMIT 1").fetchall()


def _assert_only_public(made: duckdb.DuckDBPyConnection) -> None:
    described = [*tables.TABLES.values(), *tables.VIEWS.values()]
    personal = {c.name for t in described for c in t.columns if c.pii}
    columns = made.execute("SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns() WHERE NOT internal").fetchall()
    wrong = {name for name, _ in columns} ^ {*copies(), *audit.TABLES, *own_views()}
    wrong |= {f"{name}.{column}" for name, column in columns if column in personal or name.startswith("raw.")}
    if wrong:
        raise SnapshotError(f"审计库的表或栏目不是应有的，没有启用：{'、'.join(sorted(wrong))}。")


def _config(con: duckdb.DuckDBPyConnection) -> dict[str, str | bool | int | float | list[str]]:
    """The limits of the warehouse's connection, for another one."""
    names = ("memory_limit", "threads", "temp_directory")
    row = con.execute("SELECT " + ", ".join(f"current_setting('{name}')::VARCHAR" for name in names)).fetchone()
    assert row is not None
    return {name: value for name, value in zip(names, row, strict=True) if value}


# ---- names, pointer, tidying ----------------------------------------------------------------------------------------------


def _sha256(path: Path) -> str:
    with path.open("rb") as reading:
        return hashlib.file_digest(reading, "sha256").hexdigest()


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _sound(path: Path) -> str | None:
    """The SHA-256 of a file that stands there whole, or None."""
    if not (path.is_file() and _sidecar(path).is_file()):
        return None
    sha256 = _sha256(path)
    return sha256 if _sidecar(path).read_text("utf-8") == _said(sha256, path) else None


def _said(sha256: str, path: Path) -> str:
    """The line that `sha256sum -c` reads."""
    return f"{sha256}  {path.name}\n"


def _keep(aside: Path, path: Path) -> str:
    """Give the finished file its name, its SHA-256 beside it; neither can be changed by accident afterwards."""
    sha256 = _sha256(aside)
    note = aside.with_name(f".tmp-{os.getpid()}.sha256")
    note.write_text(_said(sha256, path), "utf-8")
    for written, name in ((note, _sidecar(path)), (aside, path)):
        written.chmod(0o444)
        flush(written)
        written.replace(name)
    flush(path.parent)
    return sha256


def _point(folder: Path, name: str) -> None:
    current, aside = folder / "current.duckdb", folder / f".tmp-{os.getpid()}.current"
    if current.is_symlink() and str(current.readlink()) == name:
        return
    aside.symlink_to(name)  # relative: the folder can be moved or mounted elsewhere
    aside.replace(current)
    flush(folder)


def _sweep(folder: Path) -> None:
    """Remove what an unfinished run left; only the writer of the warehouse gets here, so nobody else is at work."""
    for leftover in folder.glob(".tmp-*"):
        leftover.unlink(missing_ok=True)


def _forget(folder: Path, current: Path) -> None:
    """Keep the file in force and the newest of the others; who has an older one open can read on."""
    others = sorted((p for p in folder.glob("gouji-*.duckdb") if p != current), key=lambda p: p.stat().st_mtime_ns, reverse=True)
    kept = {current, *others[: _KEPT - 1]}
    with contextlib.suppress(OSError):  # a file too many is no reason to fail
        for path in others:
            if path not in kept:
                path.unlink()
        for note in folder.glob("gouji-*.duckdb.sha256"):
            if note.with_suffix("") not in kept:
                note.unlink()


def _reason(error: Exception) -> str:
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    full = isinstance(error, OSError) and error.errno in _FULL
    if full or any(os.strerror(number) in str(error) for number in _FULL):
        return f"磁盘空间不足。请腾出空间后重新运行。（{said}）"
    return said
