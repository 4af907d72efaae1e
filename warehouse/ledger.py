"""The ledger: versions of a key, and the proof that every landed row has exactly one place.

Belongs here: ranking the versions of the keys that new rows touch, the balance. Does not belong here: cleaning, the
report year (a view over the current rows).
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from warehouse import tables
from warehouse.sql import query
from warehouse.subjects import SUBJECTS


class Unbalanced(RuntimeError):
    """Landed rows and places do not agree; the message names file and numbers."""


def stage(con: duckdb.DuckDBPyConnection, subject: str, replaced: Sequence[int]) -> None:
    """Open the staging table into which cleaned rows go before their versions are ranked.

    Rows of the `replaced` files leave `core.<subject>`; the other rows of their keys are staged, to be ranked anew.
    """
    core = tables.core(subject).full_name
    con.execute(f"CREATE OR REPLACE TEMP TABLE staged AS FROM {core} LIMIT 0")
    if replaced:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT agency, record_key FROM {core} WHERE list_contains(?, file_id)",
            [list(replaced)],
        )
        con.execute(
            f"INSERT INTO staged FROM {core} AS c SEMI JOIN touched AS t USING (agency, record_key) WHERE NOT list_contains(?, c.file_id)",
            [list(replaced)],
        )
        con.execute(f"DELETE FROM {core} AS c USING touched AS t WHERE c.agency = t.agency AND c.record_key = t.record_key")
        con.execute("DROP TABLE touched")


def rank(con: duckdb.DuckDBPyConnection, subject: str) -> None:
    """Move staged rows into `core.<subject>` and give every row of a touched key its state anew.

    Rows of touched keys that stand in the table already are taken out, ranked together with the new ones, and put back:
    the cost follows what is new.
    """
    core = tables.core(subject).full_name
    con.execute("CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT agency, record_key FROM staged")
    con.execute(f"INSERT INTO staged BY NAME SELECT c.* FROM {core} AS c SEMI JOIN touched AS t USING (agency, record_key)")
    con.execute(f"DELETE FROM {core} AS c USING touched AS t WHERE c.agency = t.agency AND c.record_key = t.record_key")
    con.execute(query("ranked").replace("core.subject", core))
    con.execute("DROP TABLE staged")
    con.execute("DROP TABLE touched")


def assert_balanced(con: duckdb.DuckDBPyConnection, subject: str) -> None:
    """Check, per file, that the reader's own count, the landed rows and the places agree, and that no row has two places.

    Raises:
        Unbalanced: naming the first files that do not add up.
    """
    if subject in SUBJECTS:
        wrong = con.execute(query("balance").replace("raw.subject", tables.raw(subject).full_name), {"subject": subject}).fetchall()
    else:
        wrong = con.execute(query("balance_of_log")).fetchall()
    if wrong:
        lines = [
            f"{subject}：文件 {path}：读取器数出 {read} 行，落地 {landed} 行，去处 {placed} 个（不同的行 {rows} 个）"
            for path, read, landed, placed, rows in wrong[:5]
        ]
        raise Unbalanced("台账不平衡，本次运行不得发布：\n" + "\n".join(lines))


def assert_places(con: duckdb.DuckDBPyConnection, years: Sequence[int]) -> None:
    """Check, per report and subject, that the places of a report add up to the rows landed for its organ.

    Raises:
        Unbalanced: naming the first reports that do not add up.
    """
    wrong = con.execute(query("balance_of_report"), {"years": list(years)}).fetchall()
    if wrong:
        lines = [
            f"{agency} {year} 年度 {subject}：落地 {landed} 行，去处 {placed} 个" for agency, year, subject, landed, placed in wrong[:5]
        ]
        raise Unbalanced("台账不平衡，本次运行不得发布：\n" + "\n".join(lines))
