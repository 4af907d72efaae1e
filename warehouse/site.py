"""The web site's own limits: how long a channel may stay unchanged, when a page should have been fetched.

Belongs here: the settings, their defaults, their rows in `report.site_limits`. Does not belong here: the rules that apply them
(`expectations/sql`), the counting of hits (`assets.site`), configuration files.

The limits by kind of channel are those of 国办秘函〔2019〕19号 (columns of news 2 weeks, of notices and policy documents 6 months), where
checkers tell the kind by the channel's name, as here. For other channels it only says "should be updated and is not"; the survey of
2015 gave personnel and plans one year, which is the default here (inference).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_BY_WORD = MappingProxyType({"动态": 14, "要闻": 14, "通知": 183, "公告": 183, "政策": 183, "文件": 183})


@dataclass(frozen=True)
class SiteSettings:
    """Limits in days; 0 means that nothing is judged by it.

    `channel_days` is for single channels, by their full name; `word_days` for channels whose name contains the word (of several the
    shortest), `other_channel_days` for the rest. `unfetched_days`: how old an item must be on the last day of the logs before it is
    told that nobody has ever fetched it.
    """

    channel_days: Mapping[str, int] = field(default_factory=dict)
    word_days: Mapping[str, int] = field(default_factory=lambda: _BY_WORD)
    other_channel_days: int = 365
    unfetched_days: int = 30

    def rows(self) -> list[tuple[str, str, int]]:
        """Rows of `report.site_limits`: kind, name, days."""
        named = [("channel", name, days) for name, days in self.channel_days.items()]
        named += [("word", name, days) for name, days in self.word_days.items()]
        return sorted([*named, ("other", "", self.other_channel_days), ("unfetched", "", self.unfetched_days)])
