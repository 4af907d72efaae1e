"""How a source is reached: a store of files that is looked through, or a feed that is asked.

Belongs here: the two shapes of a connector, what they hand over, the refusal that is common to all. Does not belong here: any one way to
reach a source (`folder.py`, `inbox.py`, `rest.py`, `database.py`), configuration and secrets (`pipelines`), landing (`assets.ingest`).

Whatever the way, a load is whole or it is `Incomplete`, and then nothing of it is landed: a part of an answer never looks like the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from warehouse.subjects import Subject


class Incomplete(Exception):  # noqa: N818 - a verdict on the load, as the tables call it, not a fault of the program
    """A load that is not whole: `reason` is a code, `detail` a sentence for a clerk, without any value, secret or full address."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Secret:
    """A token or password. It is shown nowhere: not by repr, not in a message; `reveal` hands it to whoever must send it."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The secret itself."""
        return self._value


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a store: relative path with `/`, size and modification time; why it is refused, or that it is not finished yet.

    `refused` is (reason code, sentence for a clerk): such a file is recorded as rejected and never opened. A file that `is_waiting` is
    still being written, or its marker has not come: it is left for the next look.
    """

    path: str
    bytes: int
    mtime_ns: int
    refused: tuple[str, str] | None = None
    is_waiting: bool = False


class Store(Protocol):
    """Files that lie somewhere. Nothing at the source is ever changed."""

    @property
    def kind(self) -> str:
        """The kind of source, as `raw.loads` calls it."""
        ...

    def found(self, patterns: Sequence[str]) -> list[Found]:
        """The files whose relative path matches one of the patterns, by path in code point order.

        Raises:
            Incomplete: the store could not be looked through to its end.
        """
        ...

    def fetch(self, found: Found, spool: Path) -> Path:
        """A local file with the bytes: the file itself where it is local, else a copy in the folder `spool`.

        Raises:
            warehouse.landing.Unreadable: this file cannot be read; the others may be.
            Incomplete: the store does not answer any more.
        """
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an answer, kept as it came: its name within the pull, whose suffix decides the reader, and the local file."""

    name: str
    file: Path


@dataclass(frozen=True, slots=True)
class Pulled:
    """A whole answer of a feed.

    `is_full` says that it is everything the source holds, not only what has changed. `rows` is what was counted on arrival and
    `control_total` what the source itself says it should be; they are equal. `source_at` is the clock of the source when the pull began
    (Asia/Shanghai, without zone), None where the source tells none.
    """

    parts: tuple[Part, ...]
    is_full: bool
    rows: int
    control_total: int
    source_at: datetime | None = None


@runtime_checkable
class Feed(Protocol):
    """A system that is asked for the records of a subject."""

    @property
    def kind(self) -> str:
        """The kind of source, as `raw.loads` calls it."""
        ...

    def pull(self, subject: Subject, since: datetime | None, spool: Path) -> Pulled:
        """Everything, or what has changed at or after `since` (Asia/Shanghai, without zone; the overlap is taken off already).

        Args:
            subject: Which records.
            since: None for everything. A feed that cannot tell changes for this subject answers with everything.
            spool: An empty folder for the parts; the caller removes it.

        Raises:
            Incomplete: the answer is not whole, after whatever retries are sensible.
        """
        ...


Connector = Store | Feed
