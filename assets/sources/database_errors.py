"""What an error of a database driver means: a stable reason and a sentence for a clerk.

Belongs here: codes of the databases → reasons, the sentences, which of them may pass. Does not belong here: sessions and questions
(`database_session.py`, `database.py`). A driver's own message never goes on: it may quote values, addresses and accounts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from assets.sources.connector import Incomplete

# SQLSTATE (PostgreSQL, SQL Server), number (MariaDB, MySQL) or ORA- code (Oracle) → reason.
_CODES = {
    **dict.fromkeys(["28000", "28P01", "1045", "1698", "ORA-01017", "ORA-28000", "ORA-28001"], "unauthorized"),
    **dict.fromkeys(["42501", "1044", "1142", "1143", "1370", "ORA-01031"], "forbidden"),
    **dict.fromkeys(["42P01", "3F000", "3D000", "42S02", "1049", "1146", "ORA-00942"], "not_found"),
    **dict.fromkeys(["57014", "55P03", "HYT00", "1205", "1969", "3024", "ORA-01013"], "timeout"),
    **dict.fromkeys(["57P01", "57P02", "57P03", "25P03", "1317", "1927", "1053", "2006", "2013", "2055"], "connection_lost"),
    **dict.fromkeys(["08000", "08003", "08006", "08S01"], "connection_lost"),
    **dict.fromkeys(["08001", "08004", "53300", "1040", "1203", "2002", "2003"], "connection_failed"),
}
_SERIALIZATION = frozenset({"40001", "40P01", "1213"})
# Where a driver hands over no code there is only its text: libpq gives none for a refused login.
_WORDS = {
    "password authentication failed": "unauthorized",
    "认证失败": "unauthorized",
    "no password supplied": "unauthorized",
    "pg_hba.conf": "unauthorized",
    "no such table": "not_found",
}
_PASSING = frozenset({"connection_failed", "connection_lost"})
_DETAILS = {
    "connection_failed": "连不上“{place}”所在的数据库；请检查配置中的地址、端口和库名，以及网络和数据库是否正常。",
    "connection_lost": "读取“{place}”时数据库连接中断，没有读完，本次不采用；请检查网络和数据库，稍后重新取数。",
    "unauthorized": "数据库不接受取数账号登录（读取“{place}”）；请核对账号和口令，并请数据库管理员确认允许本机登录。",
    "forbidden": "取数账号没有读取“{place}”的权限；请数据库管理员授予它的 SELECT 权限。",
    "not_found": "数据库里没有“{place}”这个表或视图；请核对配置中的名称（必要时写明模式），或请数据库管理员建立视图。",
    "timeout": "读取“{place}”超过了语句时限；请让数据库管理员优化视图，或调高配置中的时限。",
    "unreadable_value": "“{place}”里有无法读成文字的值（例如公元 9999 年以后的日期或错误编码的文字）；请在视图中更正或转换成文字。",
    "database_error": "读取“{place}”时数据库报错（代码 {code}），本次不采用；请把代码告诉数据库管理员。",
}
_EXTRAS = {"psycopg": "postgresql", "pymysql": "mariadb"}


class Passing(Incomplete):
    """A load that is not whole for a reason that may pass by itself: worth another attempt."""


class Unreadable(Exception):  # noqa: N818 - a verdict on a column
    """A column whose values are no text and have no form as text; `args[0]` is its name."""


@contextmanager
def told(place: str, *, connecting: bool = False) -> Iterator[None]:
    """Turn whatever goes wrong inside into `Incomplete`; only statements that talk to the database belong inside.

    Args:
        place: Table or view, for the sentence.
        connecting: Whether an error without a code means that there is no connection yet.
    """
    try:
        yield
    except Incomplete:
        raise
    except Exception as error:  # noqa: BLE001 - drivers raise what they like: struct.error on a torn packet, OSError, ValueError
        raise _verdict(error, place, connecting) from None


def _verdict(error: Exception, place: str, connecting: bool) -> Incomplete:
    if isinstance(error, Unreadable):
        what = f"“{place}”的栏目“{error.args[0]}”不是文字、数字或日期（例如二进制内容）"
        return Incomplete("unreadable_column", f"{what}，无法读取；请在视图中去掉该栏目，或转换成文字。")
    if isinstance(error, ImportError | sa.exc.NoSuchModuleError):
        return _no_driver(error, place)
    code = _code(error)
    reason = _CODES.get(code) or _reason_without_code(error, code, connecting)
    detail = _DETAILS[reason].format(place=place, code=code or "无")
    passing = reason in _PASSING or code in _SERIALIZATION
    return (Passing if passing else Incomplete)("unreadable_column" if reason == "unreadable_value" else reason, detail)


def _no_driver(error: Exception, place: str) -> Incomplete:
    name = error.name if isinstance(error, ImportError) and error.name else str(error).rpartition(":")[2]  # …dialects:dm.dmPython
    extra = _EXTRAS.get(name)
    remedy = f"请安装 gouji[{extra}]" if extra else "请按 docs/databases.zh-CN.md 安装配置中 url 所写的驱动"
    return Incomplete("no_driver", f"读取“{place}”所需的数据库驱动 {name} 没有安装；{remedy}。")


def _code(error: Exception) -> str:
    """The code of the database or driver, "" where there is none."""
    origin = getattr(error, "orig", None) or error
    first = origin.args[0] if origin.args else None
    if isinstance(first, int):  # MariaDB's own number says more than the SQLSTATE beside it
        return str(first)
    code = str(getattr(origin, "sqlstate", None) or getattr(first, "full_code", first))  # oracledb keeps its code in an object
    return code if re.fullmatch(r"[0-9A-Z]{5}|[A-Z]{3}-[0-9]{4,5}", code) else ""


def _reason_without_code(error: Exception, code: str, connecting: bool) -> str:
    if code:
        return "database_error"
    text = str(error)
    if words := next((reason for words, reason in _WORDS.items() if words in text), None):
        return words
    if connecting:
        return "connection_failed"
    if getattr(error, "connection_invalidated", False) or isinstance(error, OSError):
        return "connection_lost"
    return "unreadable_value" if isinstance(error, ValueError | OverflowError | sa.exc.DataError) else "database_error"
