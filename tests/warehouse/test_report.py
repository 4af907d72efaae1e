"""The report: cells that are the sum of their evidence, unknown where a source is missing, and nothing of another organ or year."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from building import AGENCY, FIRM, GOOD, LAW_FIRM, NAME, OTHER, OTHER_NAME, House, good, write

from assets.logic import text
from warehouse import forms, report
from warehouse.ledger import Unbalanced

D = Decimal
YEARS = (2022, 2023)


def everything(house: House, year: int | None = None) -> list[tuple[Any, ...]]:
    where = "" if year is None else f"WHERE year = {year}"
    return [*house.ask(f"FROM report.cells {where} ORDER BY ALL"), *house.ask(f"FROM report.evidence {where} ORDER BY ALL")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with several records of every subject over two years, after a night. Whoever changes it takes a copy."""
    house = House(tmp_path_factory.mktemp("whole"), tuple(GOOD), years=YEARS)
    for subject in GOOD:
        house.put(subject, ".csv", *_records(subject, "records"))
    house.night()
    return house


@pytest.fixture
def house(whole: House, tmp_path: Path) -> House:
    """A copy of the whole house."""
    return whole.copy(tmp_path / "house")


def _records(subject: str, source: str) -> list[dict[str, str | None]]:
    key = {
        "penalties": "document_no",
        "permits": "document_no",
        "coercions": "document_no",
        "inspections": "task_no",
        "publications": "item_id",
    }
    deciding = {
        "applications": "received_on",
        "disputes": "accepted_on",
        "publications": "acted_at",
        "fees": "collected_on",
        "inspections": "inspected_on",
        "normative_documents": "dated_on",
    }.get(subject, "decided_on")
    days = ("2022-03-01", "2022-11-30", "2023-01-01", "2023-06-30", "2023-12-31", "2024-01-01")
    rows = [good(subject, **{key.get(subject, next(iter(GOOD[subject]))): f"{source}-{i}", deciding: day}) for i, day in enumerate(days)]
    for i, row in enumerate(rows):
        if subject == "applications":
            fee = {"fee_notice_on": days[i], "fee_yuan": f"{i}.5", "fee_paid_on": days[min(i + 1, 5)]}
            row |= fee | {"replied_on": None if i % 3 == 2 else days[min(i + 1, 5)], "outcome": ("部分公开" if i % 2 else "予以公开")}
            row |= {"applicant_kind": "法人或其他组织", "applicant_uscc": (FIRM, LAW_FIRM)[i % 2]} if i > 2 else {}
        elif subject == "disputes":
            row |= {"closed_on": None if i % 2 else days[min(i + 2, 5)], "result": None if i % 2 else "撤销"}
        elif subject == "publications":
            row |= {"channel": ("通知公告", "政策文件", None)[i % 3], "item_id": f"{source}-{i // 2}"}
    return rows


# ---- cells and their evidence ----------------------------------------------------------------------------------------------


def test_every_cell_is_the_sum_of_its_evidence(whole: House) -> None:
    wrong = whole.ask(
        "SELECT c.*, e.value, e.records FROM report.cells AS c FULL JOIN "
        "(SELECT agency, year, cell_id, sum(amount) AS value, count(*) AS records FROM report.evidence GROUP BY ALL) AS e "
        "USING (agency, year, cell_id) "
        "WHERE c.value IS DISTINCT FROM coalesce(e.value, 0) OR c.records <> coalesce(e.records, 0)"
    )
    assert wrong == []
    assert len(whole.ask("SELECT 1 FROM report.evidence")) >= 100
    twice = whole.ask("SELECT agency, year, cell_id, file_id, row_no FROM report.evidence GROUP BY ALL HAVING count(*) > 1")
    assert twice == []


def test_only_records_that_are_counted_or_pending_are_evidence_of_a_table(whole: House) -> None:
    places = whole.ask(
        "SELECT DISTINCT p.place FROM report.evidence AS e JOIN report.places AS p USING (agency, year, file_id, row_no) "
        "WHERE e.cell_id LIKE 'table%' OR e.cell_id LIKE 'section1%' ORDER BY 1"
    )
    assert places == [("counted",), ("pending",)]
    without = whole.ask(
        "SELECT p.subject FROM report.places AS p ANTI JOIN report.evidence AS e USING (agency, year, file_id, row_no) "
        "WHERE p.place IN ('counted', 'pending')"
    )
    assert without == []


def test_a_report_has_every_cell_of_its_form_and_the_figures_of_both_sections(house: House) -> None:
    house.years = (2020, 2023)
    house.count()
    sections = {"section1.publications_total", "section6.fee_notices", "section6.fee_billed_yuan", "section6.fee_collected_yuan"}
    for year, format_id in ((2020, "2019"), (2023, "2021")):
        cells = house.cells(year)
        assert {c for c in cells if not c.startswith("section1.by_channel.")} == set(forms.load(format_id).cells) | sections
        with house.warehouse.connect() as con:
            assert list(report.tables_of(con, AGENCY, year)) == list(forms.load(format_id).cells)
            assert report.tables_of(con, AGENCY, 1999) == {}


def test_the_older_form_counts_every_kind_of_other_processing_in_its_one_row(tmp_path: Path) -> None:
    house = House(tmp_path, ("applications",), years=(2020, 2023))
    words = ["其他处理", "1.申请人无正当理由逾期不补正、行政机关不再处理其政府信息公开申请", "3.其他"]
    house.put(
        "applications",
        ".csv",
        *(
            good("applications", application_no=f"{year}-{i}", outcome=word, received_on=f"{year}-03-01", replied_on=f"{year}-03-15")
            for year in (2020, 2023)
            for i, word in enumerate(words)
        ),
    )
    house.night()
    assert house.cells(2020)["table3.other_processing.total"] == 3
    assert [house.cells(2023)[f"table3.{leaf}.total"] for leaf in ("other_no_correction", "other_unpaid_fee", "other_other")] == [1, 0, 2]
    assert house.findings("h2_outcomes_equal_total") == []


# ---- amounts ---------------------------------------------------------------------------------------------------------------


def test_fees_become_wan_yuan_exactly_and_refunds_are_taken_off(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",))
    house.put("fees", ".csv", good("fees", receipt_no="F-1", amount_yuan="380"))
    house.night()
    assert str(house.cells()["table2.fee_10k_yuan"].normalize()) == "0.038"
    house.put("fees", "-2.csv", good("fees", receipt_no="F-2", amount_yuan="-80.55"), good("fees", receipt_no="F-3", amount_yuan="0.01"))
    house.night()
    assert house.cells()["table2.fee_10k_yuan"] == D("0.029946")
    house.put("fees", "-3.csv", *(good("fees", receipt_no=f"G-{i}", amount_yuan="0.1") for i in range(10)))
    house.night()
    assert house.cells()["table2.fee_10k_yuan"] == D("0.030046")


def test_processing_fees_are_counted_by_the_days_of_notice_and_payment(tmp_path: Path) -> None:
    house = House(tmp_path, ("applications",), years=(2022, 2023, 2024))
    fees = [
        ("2022-12-31", "10.5", "2023-01-01"),
        ("2023-01-01", "20", "2023-12-31"),
        ("2023-12-31", "40.25", "2024-01-01"),
        ("2023-05-01", "80", None),
        ("2023-05-01", None, None),
        (None, "160", "2023-05-01"),
    ]
    house.put(
        "applications",
        ".csv",
        *(
            good(
                "applications",
                application_no=f"A-{i}",
                fee_notice_on=notice,
                fee_yuan=yuan,
                fee_paid_on=paid,
                received_on="2020-01-01",
                replied_on="2020-02-01",
            )
            for i, (notice, yuan, paid) in enumerate(fees)
        ),
        good("applications", application_no="A-1", fee_notice_on="2023-01-01", fee_yuan="1", updated_at="2020-01-01"),
        good("applications", application_no="A-9", fee_notice_on="2023-01-01", fee_yuan="坏"),
    )
    house.night()
    found = {}
    for year in house.years:
        with house.warehouse.connect() as con:
            found[year] = tuple(report.sections(con, AGENCY, year)["section6"].values())
    assert found == {2022: (1, "10.5", "0"), 2023: (4, "140.25", "190.5"), 2024: (0, "0", "40.25")}


# ---- publications ----------------------------------------------------------------------------------------------------------


def test_an_item_counts_once_in_the_total_and_once_in_each_of_its_channels(tmp_path: Path) -> None:
    house = House(tmp_path, ("publications",), years=(2023, 2024))
    events = [
        ("N-1", "通知公告", "2023-05-01 09:00:00"),
        ("N-1", "通知公告", "2023-06-01 09:00:00"),
        ("N-1", "政策文件", "2023-07-01 09:00:00"),
        ("N-2", "政策文件", "2023-07-01 09:00:00"),
        ("N-3", None, "2023-07-01 09:00:00"),
        ("N-1", "通知公告", "2024-01-01 00:00:00"),
    ]
    house.put(
        "publications",
        ".csv",
        *(good("publications", item_id=i, channel=c, acted_at=at) for i, c, at in events),
        good("publications", item_id="N-9", action="更新"),
    )
    house.night()
    with house.warehouse.connect() as con:
        sections = {year: report.sections(con, AGENCY, year)["section1"] for year in house.years}
    assert sections[2023] == {"publications_total": 3, "by_channel": {"通知公告": 1, "政策文件": 2, "（未填栏目）": 1}}
    assert sections[2024] == {"publications_total": 1, "by_channel": {"通知公告": 1}}
    assert house.ask("SELECT records FROM report.cells WHERE year = 2023 AND cell_id = 'section1.publications_total'") == [(5,)]


# ---- what is missing -------------------------------------------------------------------------------------------------------


def test_a_source_that_never_came_gives_unknown_and_one_without_records_gives_zero(tmp_path: Path) -> None:
    house = House(tmp_path, tuple(GOOD))
    house.count()
    assert set(house.cells().values()) == {None}
    for subject in GOOD:
        path = write(house.path(subject, ".csv"), [good(subject)])
        path.write_text(path.read_text("utf-8").splitlines()[0] + "\n", "utf-8")
    house.night()
    assert set(house.cells().values()) == {0}
    assert house.findings("missing_source") == []


def test_only_the_cells_of_the_missing_source_are_unknown(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees", "penalties"))
    house.put("fees", ".csv", good("fees"))
    house.night()
    cells = house.cells()
    assert (cells["table2.fee_10k_yuan"], cells["table2.punishment_decisions"]) == (D("0.038"), None)
    assert cells["table2.licensing_decisions"] is None  # nobody is configured to deliver it


def test_a_cell_is_unknown_while_one_of_its_sources_is_missing_or_rejected_as_a_whole(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), sources={"records": AGENCY, "second": AGENCY})
    house.put("fees", ".csv", good("fees"))
    house.night()
    assert house.cells()["table2.fee_10k_yuan"] is None
    path = house.path("fees", ".csv", "second")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    house.night()
    assert house.cells()["table2.fee_10k_yuan"] is None
    house.put("fees", ".csv", good("fees", receipt_no="F-2"), source="second")
    house.night()
    assert house.cells()["table2.fee_10k_yuan"] == D("0.076")


def test_a_source_that_delivers_what_another_delivered_is_not_missing(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), sources={"records": AGENCY, "second": AGENCY})
    for source in house.sources:
        house.put("fees", ".csv", good("fees"), source=source)
    house.night()
    assert house.cells()["table2.fee_10k_yuan"] == D("0.038")


def test_a_cell_that_no_record_can_be_counted_in_is_unknown(house: House) -> None:
    house.years = (2020,)
    house.count()
    unknown = {cell for cell, value in house.cells(2020).items() if value is None}
    assert unknown == {c.id for c in forms.load("2019").cells.values() if not c.marks}
    assert "table2.regulations.disclosed_total" in unknown


# ---- organs and years ------------------------------------------------------------------------------------------------------


def test_two_organs_in_one_warehouse_do_not_mix(whole: House, house: House, tmp_path: Path) -> None:
    alone = House(tmp_path / "alone", tuple(GOOD), sources={"others": OTHER}, agencies=((OTHER, OTHER_NAME, ()),), years=YEARS)
    for subject in GOOD:
        for at in (alone, house):
            rows = [*_records(subject, "others"), *_records(subject, "records")[:3]]
            own = {"publications": "publisher", "normative_documents": "issuer"}.get(subject)
            at.put(subject, ".csv", *rows, *([good(subject, **{own: OTHER_NAME})] if own else []), source="others")
    alone.night()
    house.sources |= alone.sources
    house.agencies += alone.agencies
    house.night()
    for year in YEARS:
        for agency, other in ((AGENCY, whole), (OTHER, alone)):
            assert house.cells(year, agency) == other.cells(year, agency)
            assert house.places(year, agency) == other.places(year, agency)
    assert house.cells(2023, OTHER)["section1.publications_total"] == 1
    assert house.cells(2023, OTHER)["table2.punishment_decisions"] == 0  # the records are of the first organ


def test_several_years_at_once_equal_one_year_at_a_time(house: House) -> None:
    house.years = (2021, 2022, 2023, 2024)
    house.count()
    together = everything(house)
    for year in house.years:
        house.count([year])
    assert everything(house) == together
    house.change(
        "DELETE FROM report.cell_versions; DELETE FROM report.evidence_versions; DELETE FROM report.versions; DELETE FROM report.years"
    )
    for year in (2023, 2021, 2024, 2022):
        house.years = (year,)
        house.count()
    assert everything(house) == together


def test_counting_one_year_leaves_the_reports_of_others_as_they_are(house: House) -> None:
    before = everything(house, 2022)
    house.put("penalties", "-2.csv", *(good("penalties", document_no=f"N-{y}", decided_on=f"{y}-05-01") for y in YEARS))
    house.land("penalties")
    house.settle("penalties")
    was = house.cells(2023)["table2.punishment_decisions"]
    house.count([2023])
    assert everything(house, 2022) == before
    assert house.cells(2023)["table2.punishment_decisions"] == was + 1
    house.count([2022])
    assert everything(house, 2022) != before


def test_counting_again_changes_nothing(house: House) -> None:
    before = everything(house)
    house.count()
    assert everything(house) == before


def test_reports_are_those_that_have_cells_and_are_configured(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",), agencies=((AGENCY, NAME, ()), (OTHER, OTHER_NAME, ())), years=(2020, 2023))
    house.put("fees", ".csv", good("fees"))
    house.night()

    def reports() -> list[tuple[str, str, int, str]]:
        with house.warehouse.connect() as con:
            return report.reports(con)

    assert reports() == [
        (AGENCY, NAME, 2020, "2019"),
        (AGENCY, NAME, 2023, "2021"),
        (OTHER, OTHER_NAME, 2020, "2019"),
        (OTHER, OTHER_NAME, 2023, "2021"),
    ]
    house.agencies, house.years = ((AGENCY, "测试市新局", ()),), (2023, 2024)
    house.count()
    assert reports() == [(AGENCY, "测试市新局", 2023, "2021"), (AGENCY, "测试市新局", 2024, "2021"), (AGENCY, NAME, 2020, "2019")]
    assert house.ask("SELECT agency FROM report.agency_names") == [(AGENCY,)]


def test_configured_facts_are_replaced_and_not_added(tmp_path: Path) -> None:
    house = House(tmp_path, ("fees",))
    house.count()
    first = {
        name: house.ask(f"SELECT count(*) FROM report.{name}")
        for name in ("settings", "agency_names", "expected_sources", "years", "form_cells")
    }
    house.settings = {"documents_made_by": "issued_on"}
    house.count()
    assert first == {name: house.ask(f"SELECT count(*) FROM report.{name}") for name in first}
    assert house.ask("SELECT value FROM report.settings WHERE name = 'documents_made_by'") == [("issued_on",)]
    marks = house.ask("SELECT format, cell_id, mark FROM report.form_cells GROUP BY ALL HAVING count(*) > 1")
    assert marks == []


def test_a_configured_name_is_compared_in_the_form_in_which_cleaning_leaves_names() -> None:
    characters = [chr(i) for i in range(1, 0x10000) if not 0xD800 <= i <= 0xDFFF]
    cleaned = pl.DataFrame({"name": [f"甲{c}乙" for c in characters]}).select(text.key(pl.col("name"))).to_series()
    wrong = [c for c, name in zip(characters, cleaned, strict=True) if report.normal_name(f"甲{c}乙") != name]
    assert wrong == []


def test_a_report_that_was_not_counted_after_its_data_changed_is_told(house: House) -> None:
    assert house.findings("stale_report") == []
    house.put("fees", "-2.csv", good("fees", receipt_no="F-late", collected_on="2022-05-01"))
    house.records()
    house.count([2023])
    assert [f["year"] for f in house.findings("stale_report")] == [2022]
    house.count([2022, 2023])
    assert house.findings("stale_report") == []


def test_a_cell_that_is_not_the_sum_of_its_evidence_stops_the_run(house: House) -> None:
    with house.warehouse.connect() as con:
        con.execute("CREATE OR REPLACE TEMP TABLE new_cells AS FROM report.cells")
        con.execute("CREATE OR REPLACE TEMP TABLE new_evidence AS FROM report.evidence")
        report.assert_reaggregates(con, YEARS)
        con.execute("UPDATE new_cells SET value = value + 1 WHERE cell_id = 'table2.punishment_decisions' AND year = 2023")
        with pytest.raises(Unbalanced, match=r"2023 年度 table2\.punishment_decisions"):
            report.assert_reaggregates(con, YEARS)
