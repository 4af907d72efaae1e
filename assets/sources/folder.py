"""A local folder as a store: files are read where they lie.

Belongs here: what the patterns find in a folder of this machine, and that nothing outside of it is read. Does not belong here: the walk
(`tree.py`), folders into which others put files while they are read (`inbox.py`), formats, landing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.sources.connector import Found
from assets.sources.tree import LocalTree, reading, reason_of, untold, walk
from warehouse.landing import Unreadable


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine, which the agency itself fills. A folder that does not exist has no files."""

    root: Path

    @property
    def kind(self) -> str:
        """`files`."""
        return "files"

    def found(self, patterns: Sequence[str]) -> list[Found]:
        """See `Store`; links and what is no regular file are refused (`symlink`, `outside`, `not_a_file`, `bad_name`).

        Raises:
            Incomplete: `unreadable_folder`.
        """
        tree = LocalTree(self.root)
        try:
            files = [found for place in walk(tree, patterns) for entry in place.entries if (found := place.found(tree, entry))]
        except FileNotFoundError:
            return []
        return sorted(files, key=lambda found: found.path)

    def fetch(self, found: Found, spool: Path) -> Path:
        """The file itself.

        What is guaranteed: at this moment the path leads through no link and to a regular file that can be opened. The caller opens it
        once more by its path, so whoever may write to the folder could swap a link in between; a copy would close that gap at the price
        of writing every large log twice. Folders that strangers write to are an `Inbox`, which hands over copies.

        Raises:
            warehouse.landing.Unreadable: it is gone, may not be read, or was swapped for a link.
        """
        path = untold(found.path)
        try:
            with reading(LocalTree(self.root), path):
                return self.root / path
        except IsADirectoryError as error:
            raise Unreadable(reason_of(error)) from error
