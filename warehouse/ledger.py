"""The ledger: versions of a key, and the proof that every landed row has exactly one place.

Belongs here: ranking the versions of the keys that new rows touch, the balance. Does not belong here: cleaning, the
report year (a view over the current rows).
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from warehouse import tables
from warehouse.store import sql
from warehouse.subjects import SUBJECTS


class Unbalanced(RuntimeError):
    """Landed rows and places do not agree; the message names file and numbers."""


def stage(con: duckdb.DuckDBPyConnection, subject: str) -> None:
    """Create the staging table into which cleaned rows of a subject go before their versions are ranked."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE staged AS FROM core.{subject} LIMIT 0")


def rank(con: duckdb.DuckDBPyConnection, subject: str) -> None:
    """Move staged rows into `core.<subject>` and give every row of a touched key its state anew.

    Rows of touched keys that stand in the table already are taken out, ranked together with the new ones, and put back:
    the cost follows what is new.
    """
    con.execute(f"""INSERT INTO staged BY NAME
        SELECT * FROM core.{subject} AS c SEMI JOIN staged AS s ON s.agency = c.agency AND s.record_key = c.record_key""")
    con.execute(f"""DELETE FROM core.{subject} WHERE EXISTS (
        FROM staged AS s WHERE s.agency = {subject}.agency AND s.record_key = {subject}.record_key)""")
    con.execute(sql("ranked").replace("core.subject", f"core.{subject}"))
    con.execute("DROP TABLE staged")


def assert_balanced(con: duckdb.DuckDBPyConnection) -> None:
    """Check, per file, that the reader's own count, the landed rows and the places agree, and that no row has two places.

    Raises:
        Unbalanced: naming the first files that do not add up.
    """
    for subject in SUBJECTS:
        wrong = con.execute(sql("balance").replace("raw.subject", tables.raw(subject).full_name), {"subject": subject}).fetchall()
        if wrong:
            raise Unbalanced(_explain(subject, wrong))
    wrong = con.execute(
        "SELECT path, lines, hits, rejects, blanks FROM raw.files WHERE subject = 'access_log' AND state = 'landed' "
        "AND lines IS DISTINCT FROM hits + rejects + blanks").fetchall()
    if wrong:
        raise Unbalanced("\n".join(f"access_log：{p} 共 {n} 行，可读 {h}、不可读 {r}、空行 {b}，合计不等" for p, n, h, r, b in wrong))


def _explain(subject: str, wrong: Sequence[tuple[object, ...]]) -> str:
    lines = [f"{subject}：文件 {path}：读取器数出 {read} 行，落地 {landed} 行，去处 {placed} 个（不同的行 {rows} 个）"
             for path, read, landed, placed, rows in wrong[:5]]
    return "台账不平衡，本次运行不得发布：\n" + "\n".join(lines)
