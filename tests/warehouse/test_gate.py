"""The gate: what is published, what is held back and why, and what a night that was cut short leaves to the next."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from building import AGENCY, NAME, OTHER, OTHER_NAME, House, good

from warehouse import gate, publish


class Office(House):
    """A house that publishes."""

    @property
    def exports(self) -> Path:
        return self.folder / "var" / "exports"

    def release(self) -> gate.Published:
        return gate.release(self.warehouse, self.exports, self.years, self.today, lambda _: None)

    def current(self, agency: str = AGENCY) -> str | None:
        return publish.pointed(self.exports, agency, 2023)

    def status(self) -> dict[str, tuple[int | None, date | None]]:
        return {a: (v, since) for a, v, since in self.ask("SELECT agency, published_version, held_since FROM report.status")}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(
        tmp_path / "office",
        ("fees", "penalties"),
        sources={"records": AGENCY, "other": OTHER},
        agencies=((AGENCY, NAME, ()), (OTHER, OTHER_NAME, ())),
    )
    for source, code in office.sources.items():
        for subject in office.subjects:
            office.put(subject, ".csv", good(subject, organ_code=code), source=source)
    office.night()
    return office


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file() and "audit" not in f.parts}


def test_what_nothing_holds_back_is_published(office: Office) -> None:
    done = office.release()
    assert done.new == 2 and not any(s.is_held for s in done.standings)
    assert office.status() == {AGENCY: (1, None), OTHER: (1, None)}
    assert (office.exports / AGENCY / "2023" / "current" / "tables.xlsx").is_file()
    assert (office.exports / "audit" / "current.duckdb").is_file()


def test_a_second_release_publishes_nothing_and_touches_no_byte(office: Office) -> None:
    first = office.release()
    before = bytes_of(office.exports)
    office.night()
    again = office.release()
    assert again.new == 0 and again.snapshot == first.snapshot
    assert bytes_of(office.exports) == before
    assert len(office.ask("FROM report.publications")) == 2


def test_the_finding_of_one_organ_does_not_hold_the_other(office: Office) -> None:
    office.release()
    office.path("fees", "-2.csv").parent.mkdir(exist_ok=True)
    office.path("fees", "-2.csv").write_bytes(b"")  # rejected: critical for its organ
    for source, code in office.sources.items():
        office.put("penalties", "-2.csv", good("penalties", document_no="P-2", organ_code=code), source=source)
    office.night()
    done = office.release()
    assert {s.agency: s.is_held for s in done.standings} == {AGENCY: True, OTHER: False}
    assert office.status() == {AGENCY: (1, office.today), OTHER: (2, None)}
    ((why,),) = office.ask("SELECT held_why FROM report.status WHERE held_why IS NOT NULL")
    assert "fees-2.csv" in why
    assert (office.current() or "").startswith("v0001-") and (office.current(OTHER) or "").startswith("v0002-")


def test_it_says_since_when_it_is_held_and_no_longer_once_it_is_mended(office: Office) -> None:
    office.release()
    broken = office.path("fees", "-2.csv")
    broken.write_bytes(b"")
    held_on = office.today
    for _ in range(2):
        office.night()
        office.release()
        office.today += timedelta(days=1)
    assert office.status()[AGENCY] == (1, held_on)
    office.put("fees", "-2.csv", good("fees", receipt_no="F-2"))
    office.night()
    office.release()
    assert office.status()[AGENCY] == (2, None)


@pytest.mark.parametrize(
    ("agency", "year", "held"),
    [
        (None, None, {AGENCY, OTHER}),
        (AGENCY, None, {AGENCY}),
        (AGENCY, 2023, {AGENCY}),
        (AGENCY, 2022, set()),
        (None, 2023, {AGENCY, OTHER}),
    ],
)
def test_a_critical_finding_holds_what_it_concerns(office: Office, agency: str | None, year: int | None, held: set[str]) -> None:
    code, of = (f"'{agency}'" if agency else "NULL"), year or "NULL"
    office.change(
        "INSERT INTO report.findings (finding_id, rule, severity, agency, year, message) "
        f"VALUES ('x', 'rule_crashed', 'critical', {code}, {of}, 'planted')"
    )
    done = office.release()
    assert {s.agency for s in done.standings if s.is_held} == held
    assert {row[0] for row in office.ask("SELECT agency FROM report.publications")} == {AGENCY, OTHER} - held


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_less_than_critical_holds_nothing(office: Office, severity: str) -> None:
    office.change(f"INSERT INTO report.findings (finding_id, rule, severity, message) VALUES ('x', 'bad_uscc', '{severity}', 'planted')")
    assert office.release().new == 2


def test_a_lost_export_is_written_again_with_the_same_bytes(office: Office) -> None:
    office.release()
    before = bytes_of(office.exports)
    shutil.rmtree(office.exports / AGENCY)
    office.release()
    assert bytes_of(office.exports) == before


def test_an_export_that_a_killed_night_did_not_record_is_taken_as_it_is(office: Office) -> None:
    office.release()
    before = bytes_of(office.exports)
    office.change("DELETE FROM report.publications")
    assert office.release().new == 2
    assert bytes_of(office.exports) == before


def test_an_export_that_was_changed_behind_its_back_stops_publication(office: Office) -> None:
    office.release()
    office.change("DELETE FROM report.publications")
    file = office.exports / AGENCY / "2023" / (office.current() or "") / "tables.csv"
    file.chmod(0o644)
    file.write_text("tampered", "utf-8")
    with pytest.raises(publish.NotPublished, match=r"tables\.csv"):
        office.release()


def test_a_rejected_file_can_be_set_aside_until_a_day(office: Office) -> None:
    broken = office.path("fees", "-2.csv")
    broken.write_bytes(b"")
    office.night()
    assert any(s.is_held for s in office.release().standings)
    ((digest,),) = office.ask("SELECT sha256 FROM raw.files WHERE state = 'rejected'")
    office.more["ignored"] = ((digest, "空文件，来源部门确认作废", office.today),)
    office.count()
    assert not any(s.is_held for s in office.release().standings)
    assert [f["rule"] for f in office.findings("rejected_file", "ignored_file")] == ["ignored_file"]
    office.today += timedelta(days=1)
    office.count()
    assert any(s.is_held for s in office.release().standings)


def test_a_rule_that_cannot_be_evaluated_holds_everything(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from expectations import findings

    sound = findings._text
    monkeypatch.setattr(findings, "_text", lambda name: "SELECT nothing FROM nowhere" if name == "bad_uscc" else sound(name))
    office.count()
    (crashed,) = office.findings("rule_crashed")
    assert crashed["severity"] == "critical" and "bad_uscc" in crashed["message"]
    assert all(s.is_held for s in office.release().standings)
    with office.warehouse.connect() as con:
        assert findings.by_rule(con)["bad_uscc"] == 1  # its check fails too


def test_a_rule_that_nothing_evaluates_holds_everything(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from expectations import findings

    findings._nowhere.cache_clear()
    monkeypatch.setattr(findings, "in_sql", lambda: ("missing_source",))
    office.count()
    findings._nowhere.cache_clear()
    assert "没有执行" in office.findings("rule_crashed")[0]["message"]
    assert all(s.is_held for s in office.release().standings)
