"""A house with published versions, for whatever reads the auditors' file."""

from __future__ import annotations

from pathlib import Path

from building import House, good, log_line, write_log

from warehouse import snapshot
from warehouse.subjects import ACCESS_LOG, SUBJECTS

# Personal data as it stands in records; none of it may be found in any byte of what is handed on.
PERSONAL = {
    "applications": {"applicant_name": "欧阳绝密甲", "id_number": "110101199001011237", "phone": "13900001234", "content": "本人病历一份"},
    "inspections": {"inspectors": "上官检查乙、司徒检查丙", "object_name": "诸葛个体户丁"},
    "penalties": {"party_name": "慕容当事人戊", "party_id_number": "11010119850505123X", "violation_facts": "酒后持械"},
}
ADDRESS = "203.0.113.77"


def house_of(folder: Path) -> House:
    """Two years of records with every kind of fate; versions 1 and 2 of 2023 and version 1 of 2022 published, version 3 of 2023 a draft."""
    house = House(folder, (*SUBJECTS, ACCESS_LOG), years=(2022, 2023))
    for subject in SUBJECTS:
        house.put(subject, ".csv", good(subject, **PERSONAL.get(subject, {})))
    house.put(
        "applications",
        "-2023.csv",
        good("applications", application_no="A-2", received_on="2022-12-20", replied_on="2023-01-10"),
        good("applications", application_no="A-3", received_on="2024-01-05", replied_on=None, outcome=None),
        good("applications", application_no="A-4", received_on="2023-02-30"),
        good("applications", application_no="A-5", updated_at="2023-03-14 09:00:00"),
        good("applications", application_no="A-5", outcome="部分公开"),
        good("applications", application_no="A-5", outcome="部分公开"),
    )
    house.path("applications", "-空.xlsx").write_bytes(b"")
    write_log(
        house.path(ACCESS_LOG, ".log"),
        [log_line("01/May/2023:09:00:00 +0800", address=ADDRESS), "垃圾 " + PERSONAL["applications"]["phone"] + "\n"],
    )
    house.night()
    publish(house)
    more(house, "A-6")
    publish(house)
    more(house, "A-7")
    return house


def more(house: House, number: str) -> None:
    """Another night with another application of 2023."""
    house.put("applications", f"-{number}.csv", good("applications", application_no=number))
    house.night()


def publish(house: House) -> None:
    """Call the latest version of every report published."""
    house.change(
        "INSERT INTO report.publications SELECT agency, year, version, TIMESTAMP '2024-01-21 08:00:00' + to_days(version::INT), "
        "'v' || version, sha256('manifest') FROM (SELECT agency, year, max(version) AS version FROM report.versions GROUP BY ALL) "
        "ANTI JOIN report.publications USING (agency, year, version)"
    )


def snap(house: House) -> snapshot.Snapshot:
    """The auditors' file of the house as it stands."""
    with house.warehouse.connect() as con:
        return snapshot.publish(con, folder_of(house))


def folder_of(house: House) -> Path:
    return house.folder / "audit"
