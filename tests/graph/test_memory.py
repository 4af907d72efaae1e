"""Memory does not grow with the input: two sizes of one log, in processes of their own."""

from __future__ import annotations

from pathlib import Path

import bench
import pytest


@pytest.mark.wide
def test_a_log_three_times_as_large_takes_no_more_memory(tmp_path: Path) -> None:
    peaks = []
    for megabytes in (200, 600):
        folder = tmp_path / str(megabytes)
        (folder / "in").mkdir(parents=True)
        bench.log(folder / "in" / "access.log", megabytes)
        peaks.append(bench.measured(folder, "logs")[1])
        (folder / "in" / "access.log").unlink()
    assert peaks[1] < 1.3 * peaks[0] < 4096
