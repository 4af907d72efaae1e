"""`gouji.toml`: a full file comes out complete, and every mistake is told with its line, its key and the remedy."""

from __future__ import annotations

import pickle
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pipelines.settings import Agency, Settings, SettingsError, load, locate
from pipelines.toml_lines import lines_of
from warehouse import clock, counting
from warehouse.subjects import SOURCES, SUBJECTS

CODE, OTHER = "11990100F7AB5ABF0J", "11990100A000000118"
AGENCY = f'[[agencies]]\nname = "甲局"\ncode = "{CODE}"\n'  # three lines
SOURCE = f'[[sources]]\nname = "一"\nagency = "{CODE}"\npath = "drop"\n'  # four lines
SMALL = AGENCY + SOURCE
FULL = f"""\
[paths]
data = "var"

[nightly]
schedule = true
at = "03:05"
years = [2022, 2023]
alert_url = "https://example.cn/alert?token=secret"
rehash_days = 3

[limits]
memory = "1.5 GiB"
threads = 4
file_mb = 10

[counting]
permit_results_counted = ["准予", "不予"]
lapsed_counts_as_repealed = true
documents_made_by = "issued_on"

[[agencies]]
name = "新乡市工业和信息化局"
code = "１１990100f7ab 5abf0j" # full width and lower case
aliases = ["市工信局", "新乡工信"]
powers = ["rule_making"]

[[agencies]]
name = "二级机关"
code = "{OTHER}"
parent = "{CODE.lower()}"

[[sources]]
name = "drop-2023"
agency = "{CODE}"
path = "../drops/2023"
subjects = ["applications", "access_log"]
[sources.files]
applications = ["requests/applications*", "requests/**/old*"]
[sources.columns.applications]
"登记号" = "application_no"
[sources.values.applications.outcome]
"GK01" = "granted"
"同意公开" = "granted"

[[sources]]
name = "二级来源"
agency = "{OTHER}"
path = "/srv/drops"
[sources.columns]
permits = {{ "文书号" = "XK_WSH" }}
[sources.values]
permits.decision_result = {{ "1" = "准予" }}
disputes = {{ result = {{ "和解" = "other" }}, route = {{ "A" = "随便" }} }}
[sources.values.applications]
applicant_kind = {{ "个人" = "自然人", "单位" = "法人或其他组织" }}
"""


@pytest.fixture(autouse=True)
def day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "today", lambda: date(2024, 1, 15))


def settings(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "conf" / "gouji.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return load(path)


def complaints(tmp_path: Path, text: str) -> list[str]:
    """The problems, one a line, without the name of the file."""
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, text)
    lines = str(caught.value).splitlines()
    start = f"{tmp_path / 'conf' / 'gouji.toml'}："
    assert all(line.startswith(start) for line in lines)
    return [line.removeprefix(start) for line in lines]


def test_a_full_file_comes_out_whole(tmp_path: Path) -> None:
    s = settings(tmp_path, FULL)
    assert (s.file, s.data) == (tmp_path / "conf" / "gouji.toml", tmp_path / "conf" / "var")
    assert (s.schedule, s.at, s.years, s.rehash_days) == (True, "03:05", (2022, 2023), 3)
    assert s.alert_url == "https://example.cn/alert?token=secret"
    assert (s.memory, s.threads, s.file_bytes) == ("1.5 GiB", 4, 10 * 1024 * 1024)
    assert s.agencies == (
        Agency("新乡市工业和信息化局", CODE, None, ("市工信局", "新乡工信"), ("rule_making",)),
        Agency("二级机关", OTHER, CODE, (), ()),
    )
    one, two = s.sources
    assert (one.name, one.agency, one.path, one.subjects) == ("drop-2023", CODE, tmp_path / "drops/2023", ("applications", "access_log"))
    assert one.files == {"applications": ("requests/applications*", "requests/**/old*"), "access_log": ("site/access*",)}
    assert one.columns == {"applications": {"登记号": "application_no"}}
    assert one.values == {"applications": {"outcome": {"GK01": "granted", "同意公开": "granted"}}}
    assert (two.path, two.subjects) == (Path("/srv/drops"), SOURCES)
    assert {s: p for s, p in two.files.items() if s in SUBJECTS} == {s.name: (s.pattern,) for s in SUBJECTS.values()}
    assert set(two.files) == set(SOURCES)


def test_rows_for_the_warehouse(tmp_path: Path) -> None:
    s = settings(tmp_path, FULL)
    rows = dict(s.counting_rows())
    assert list(rows) == list(counting.settings())
    assert (rows["permit_results_counted"], rows["penalty_states_counted"]) == ("准予,不予", "有效,已变更,已撤销")
    assert (rows["lapsed_counts_as_repealed"], rows["amended_counts_as_made"]) == ("true", "false")
    assert (rows["documents_made_by"], rows["sole_trader_class"]) == ("issued_on", "")
    assert s.vocabulary_rows() == [
        (CODE, "applications", "outcome", "GK01", "granted"),
        (CODE, "applications", "outcome", "同意公开", "granted"),
        (OTHER, "permits", "decision_result", "1", "准予"),
        (OTHER, "disputes", "result", "和解", "other"),
        (OTHER, "disputes", "route", "A", "随便"),
        (OTHER, "applications", "applicant_kind", "个人", "自然人"),
        (OTHER, "applications", "applicant_kind", "单位", "法人或其他组织"),
    ]


def test_two_sources_may_say_the_same_and_it_is_told_once(tmp_path: Path) -> None:
    words = '[sources.values.applications.outcome]\n"GK01" = "granted"\n'
    s = settings(tmp_path, SMALL + words + SOURCE.replace("一", "二") + words)
    assert s.vocabulary_rows() == [(CODE, "applications", "outcome", "GK01", "granted")]


def test_another_agency_may_mean_something_else(tmp_path: Path) -> None:
    words = '[sources.values.applications.outcome]\n"GK01" = "granted"\n'
    second = AGENCY.replace("甲", "乙").replace(CODE, OTHER) + SOURCE.replace("一", "二").replace(CODE, OTHER)
    s = settings(tmp_path, SMALL + words + second + words.replace("granted", "partial"))
    assert [row[-1] for row in s.vocabulary_rows()] == ["granted", "partial"]


def test_the_smallest_file_has_every_default(tmp_path: Path) -> None:
    s = settings(tmp_path, SMALL)
    assert (s.data, s.schedule, s.at, s.years, s.alert_url, s.rehash_days) == (tmp_path / "conf" / "var", False, "02:30", None, None, 7)
    assert (s.memory, s.threads, s.file_bytes) == ("2GB", 2, 300 * 1024 * 1024)
    assert s.counting == {name: one.default for name, one in counting.settings().items()}
    assert s.agencies == (Agency("甲局", CODE, None, (), ()),)
    assert (s.sources[0].subjects, s.sources[0].columns, s.sources[0].values) == (SOURCES, {}, {})


def test_without_years_the_closed_and_the_current_year(tmp_path: Path) -> None:
    assert settings(tmp_path, SMALL).report_years(date(2024, 1, 1)) == (2023, 2024)
    assert settings(tmp_path, FULL).report_years(date(2024, 1, 1)) == (2022, 2023)


def test_settings_can_be_pickled_and_hashed(tmp_path: Path) -> None:
    s = settings(tmp_path, FULL)
    assert pickle.loads(pickle.dumps(s)) == s
    assert hash(s) == hash(settings(tmp_path, FULL))


@pytest.mark.parametrize("change", [lambda b: b"\xef\xbb\xbf" + b, lambda b: b.replace(b"\n", b"\r\n")], ids=["mark", "crlf"])
def test_a_file_as_a_windows_editor_saves_it(tmp_path: Path, change) -> None:
    (tmp_path / "gouji.toml").write_bytes(change(FULL.encode()))
    assert load(tmp_path / "gouji.toml").counting == settings(tmp_path, FULL).counting


# ---- mistakes: text, line, key path, what the message must say ------------------------------------------------------------

CONFLICT = f"""{SMALL}[sources.values.applications]
outcome = {{ "ＧＫ 01" = "granted" }}
{SOURCE.replace("一", "二")}[sources.values.applications.outcome]
"x" = "granted"
"gk01" = "partial"
"""
# Before the agency and the source.
ABOVE = {
    "unknown table": ("[path]", 1, "path", ["没有“path”这个设置", "请改为“paths”"]),
    "unknown key": ("[nightly]\nschedul = true", 2, "nightly.schedul", ["没有“schedul”", "请改为“schedule”"]),
    "unknown key, nothing near": ("[paths]\nqqq = 1", 2, "paths.qqq", ["请删去", "可以写的有：data"]),
    "unknown counting setting": ("[counting]\nlapsed_count = true", 2, "counting.lapsed_count", ["请改为“lapsed_counts_as_repealed”"]),
    "empty path": ('[paths]\ndata = " "', 2, "paths.data", ["不能为空", "请填写"]),
    "word for a switch": ('[nightly]\nschedule = "true"', 2, "nightly.schedule", ["true 或 false", "不加引号"]),
    "word for a number": ('[limits]\nthreads = "2"', 2, "limits.threads", ["应为整数", "不加引号"]),
    "fraction": ("[limits]\nfile_mb = 1.5", 2, "limits.file_mb", ["应为整数"]),
    "switch for a number": ("[limits]\nfile_mb = true", 2, "limits.file_mb", ["应为整数"]),
    "no thread": ("[limits]\n\nthreads = 0", 3, "limits.threads", ["不小于 1"]),
    "no clock time": ('[nightly]\nat = "2:30"', 2, "nightly.at", ["“2:30”不是钟点", '如 "02:30"']),
    "no days": ("[nightly]\nrehash_days = 0", 2, "nightly.rehash_days", ["不小于 1"]),
    "memory": ('[limits]\nmemory = "2G"', 2, "limits.memory", ["“2G”不是内存大小", '如 "2GB"']),
    "memory on two lines": ('[limits]\nmemory = """2\nGB!"""', 2, "limits.memory", ["“2 GB!”不是内存大小"]),
    "memory in full width": ('[limits]\nmemory = "２GB"', 2, "limits.memory", ["不是内存大小"]),
    "address": ('[nightly]\nalert_url = "ftp://u:pw@h"', 2, "nightly.alert_url", ["http://", "删去这一行"]),
    "broken address": ('[nightly]\nalert_url = "http://[::1"', 2, "nightly.alert_url", ["不是网址"]),
    "gap in years": ("[nightly]\nyears = [2020, 2022]", 2, "nightly.years", ["不连续", "逐年写"]),
    "years backwards": ("[nightly]\nyears = [2022, 2021]", 2, "nightly.years", ["从早到晚"]),
    "year without form": ("[nightly]\nyears = [2018, 2019]", 2, "nightly.years", ["2018", "最早为 2019", "请删去这一年度"]),
    "year to come": ("[nightly]\nyears = [2024, 2025]", 2, "nightly.years", ["2025 太晚", "最晚可写 2024"]),
    "no years": ("[nightly]\nyears = []", 2, "nightly.years", ["请至少写一个年度，或删去这一行"]),
    "a single year": ("[nightly]\nyears = 2022", 2, "nightly.years", ["应为列表"]),
    "word among years": ('[nightly]\nyears = [\n  2022,\n  "2023",\n]', 4, "nightly.years[2]", ["应为整数"]),
    "inline table": ('limits = { threads = 1, memory = "2" }', 1, "limits.memory", ["不是内存大小"]),
    "value of a list": (
        '[counting]\npermit_results_counted = ["准予", "不准"]',
        2,
        "counting.permit_results_counted[2]",
        ["不能写“不准”", "可以写的有：准予、不予、准予变更"],
    ),
    "empty list": ("[counting]\npenalty_states_counted = []", 2, "counting.penalty_states_counted", ["请至少写一项"]),
    "twice in a list": ('[counting]\npermit_results_counted = ["准予", "准予"]', 2, "counting.permit_results_counted", ["请只留一个"]),
    "value of a choice": ('[counting]\ndocuments_made_by = "issued"', 2, "counting.documents_made_by", ["请改为“issued_on”"]),
    "value that may be empty": ('[counting]\nsole_trader_class = "q"', 2, "counting.sole_trader_class", ["（空）、natural_person"]),
    "value of a switch": ("[counting]\nprocessing_fee_in_fees = 1", 2, "counting.processing_fee_in_fees", ["true 或 false"]),
    "two brackets": ("[[limits]]\nthreads = 1", 1, "limits", ["应为一张表"]),
}
# After the seven lines of agency and source, so in the source; keys are those below `sources[1]`.
BELOW = {
    "unknown key of a source": ('pth = "x"', 8, "pth", ["请改为“path”"]),
    "subject": ('subjects = ["permits", "application"]', 8, "subjects[2]", ["请改为“applications”"]),
    "no subject": ("subjects = []", 8, "subjects", ["请至少写一项"]),
    "same subject": ('subjects = ["fees", "fees"]', 8, "subjects", ["重复写了“fees”"]),
    "files of no subject": ('[sources.files]\nfee = ["x"]', 9, "files.fee", ["请改为“fees”"]),
    "files of another subject": ('subjects = ["fees"]\n[sources.files]\npermits = ["x"]', 10, "files.permits", ["请补入 subjects"]),
    "pattern out of the folder": ('files.fees = ["a", "b/../../c"]', 8, "files.fees[2]", ["相对路径", "不用 .."]),
    "absolute pattern": ('files.fees = ["/srv/fees*"]', 8, "files.fees[1]", ["相对路径"]),
    "pattern of a drive": ('files.fees = ["D:/fees*"]', 8, "files.fees[1]", ["相对路径"]),
    "pattern with backslash": ("files.fees = ['fees\\x*']", 8, "files.fees[1]", ["请用 / 分隔"]),
    "empty pattern": ('files.fees = [""]', 8, "files.fees[1]", ["相对路径"]),
    "stars": ('files.fees = ["a**"]', 8, "files.fees[1]", ["** 只能单独"]),
    "pattern without list": ('files.fees = "fees*"', 8, "files.fees", ["应为列表", "英文方括号"]),
    "no pattern": ("files.fees = []", 8, "files.fees", ["请至少写一项"]),
    "column of no field": ('[sources.columns.permits]\n"文号.1" = "XK_WS"', 9, 'columns.permits."文号.1"', ["请改为“document_no”"]),
    "column by its header": ('[sources.columns.fees]\n"票号" = "票据号"', 9, "columns.fees.票号", ["请改为“receipt_no”"]),
    "column without name": ('[sources.columns.fees]\n" " = "item"', 9, 'columns.fees." "', ["栏目名是空的"]),
    "column twice": ('[sources.columns.fees]\n"票 a" = "item"\n"票A" = "receipt_no"', 10, "columns.fees.票A", ["已对应“item”"]),
    "column number": ('[sources.columns]\nfees = { "票" = 1 }', 9, "columns.fees.票", ["应为文字"]),
    "columns of the log": ("[sources.columns.access_log]", 8, "columns.access_log", ["访问日志"]),
    "values of the log": ("[sources.values.access_log]", 8, "values.access_log", ["访问日志"]),
    "values of no subject": ("[sources.values.permit]", 8, "values.permit", ["请改为“permits”"]),
    "values by code": ('[sources.values.permits.XK_JG]\n"1" = "准予"', 8, "values.permits.XK_JG", ["请改为“decision_result”"]),
    "values of no category": ("[sources.values.fees.amount_yuan]", 8, "values.fees.amount_yuan", ["可以配置取值的字段", "collected_by"]),
    "values too flat": ('[sources.values.permits]\ndecision_result = "准予"', 9, "values.permits.decision_result", ["名称 = 值"]),
    "outcome": ('[sources.values.applications.outcome]\n"GK01" = "grant"', 9, "values.applications.outcome.GK01", ["请改为“granted”"]),
    "outcome by its label": (
        '[sources.values.applications]\noutcome.GK01 = "予以公开"',
        9,
        "values.applications.outcome.GK01",
        ["请改为“granted”"],
    ),
    "result": ('[sources.values.disputes.result]\n"R1" = "维持"', 9, "values.disputes.result.R1", ["请改为“upheld”"]),
    "applicant": (
        '[sources.values.applications.applicant_kind]\n1 = "natural_person"',
        9,
        "values.applications.applicant_kind.1",
        ["自然人、公民", "法人或其他组织"],
    ),
    "code": ('[sources.values.publications.action]\n"P" = "pub"', 9, "values.publications.action.P", ["发布、更新、撤下"]),
    "word without text": ('[sources.values.publications.action]\n"　" = "发布"', 9, 'values.publications.action."　"', ["原文是空的"]),
    "word twice": (
        '[sources.values.publications.action]\n"p" = "发布"\n"Ｐ" = "撤下"',
        10,
        "values.publications.action.Ｐ",
        ["sources[1].values.publications.action.p（第 9 行）中已对应“发布”"],
    ),
}
SECOND = AGENCY.replace("甲", "乙").replace(CODE, OTHER)
MISTAKES = {
    **{name: (f"{text}\n{SMALL}", *rest) for name, (text, *rest) in ABOVE.items()},
    **{name: (f"{SMALL}{text}\n", line, f"sources[1].{key}", says) for name, (text, line, key, says) in BELOW.items()},
    "unknown key of an agency": (f'{AGENCY}alias = ["x"]\n{SOURCE}', 4, "agencies[1].alias", ["请改为“aliases”"]),
    "missing key": (AGENCY + SOURCE.replace("agency", "# agency"), 4, "sources[1].agency", ["缺少这一项", "请补上"]),
    "no way": (AGENCY + SOURCE.replace("path", "# path"), 4, "sources[1]", ["没有写从哪里取数", "请只写一种"]),
    "missing key, second": (f'{SMALL}\n[[agencies]]\nname = "乙"\n', 9, "agencies[2].code", ["缺少这一项"]),
    "no agency": (f"agencies = []\n{SOURCE}", 1, "agencies", ["请至少写一段 [[agencies]]"]),
    "one bracket": (SMALL.replace("[[agencies]]", "[agencies]"), 1, "agencies", ["双层方括号的 [[agencies]]"]),
    "no table": (f'sources = ["x"]\n{AGENCY}', 1, "sources[1]", ["应为一张表"]),
    "credit code": (SMALL.replace("0J", "0K"), 3, "agencies[1].code", ["统一社会信用代码", "请对照"]),
    "inner check character": (SMALL.replace(CODE, f"{OTHER[:16]}28"), 3, "agencies[1].code", ["两个校验码"]),
    "same code": (SMALL + AGENCY.replace("甲", "乙"), 10, "agencies[2].code", ["与 agencies[1].code（第 3 行）相同"]),
    "same name": (SMALL + SECOND.replace("乙局", "甲 局"), 9, "agencies[2].name", ["与 agencies[1].name（第 2 行）相同"]),
    "power": (f'{AGENCY}powers = ["rulemaking"]\n{SOURCE}', 4, "agencies[1].powers[1]", ["请改为“rule_making”"]),
    "parent": (f'{AGENCY}parent = "{OTHER}"\n{SOURCE}', 4, "agencies[1].parent", [f"没有代码为“{OTHER}”的机关", "请补写 [[agencies]]"]),
    "own parent": (f'{AGENCY}parent = "{CODE}"\n{SOURCE}', 4, "agencies[1].parent", [f"{CODE} → {CODE}", "请删去其中一个 parent"]),
    "ring of parents": (
        f'{AGENCY}parent = "{OTHER}"\n{SECOND}parent = "{CODE}"\n{SOURCE}',
        4,
        "agencies[1].parent",
        [f"{CODE} → {OTHER} → {CODE}"],
    ),
    "agency of a source": (AGENCY + SOURCE.replace("0J", "0K"), 6, "sources[1].agency", [f"请改为“{CODE}”"]),
    "same source": (SMALL + SOURCE, 9, "sources[2].name", ["sources[1].name（第 5 行）"]),
    "conflict": (
        CONFLICT,
        16,
        "sources[2].values.applications.outcome.gk01",
        ['sources[1].values.applications.outcome."ＧＫ 01"（第 9 行）', "已对应“granted”", "这里是“partial”", "请改成一致"],
    ),
}


@pytest.mark.parametrize(("text", "line", "key", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_line_key_and_remedy(tmp_path: Path, text: str, line: int, key: str, says: list[str]) -> None:
    told = complaints(tmp_path, text)
    assert len(told) == 1, told
    assert told[0].startswith(f"第 {line} 行：{key}：")
    assert [part for part in says if part not in told[0]] == []


def test_an_address_is_not_repeated(tmp_path: Path) -> None:
    assert "pw" not in complaints(tmp_path, MISTAKES["address"][0])[0]


def test_all_problems_are_told_in_the_order_of_their_lines(tmp_path: Path) -> None:
    source = SOURCE.replace(CODE, OTHER)
    text = f'[limits]\nthreads = 0\nmemry = "1GB"\n{AGENCY.replace("0J", "0K")}{source}subjects = ["fee"]\n{source}[other]\n'
    told = complaints(tmp_path, text)
    places = [re.match("第 ([0-9]+) 行：(.+?)：", line).groups() for line in told]
    assert places == [
        ("2", "limits.threads"),
        ("3", "limits.memry"),
        ("6", "agencies[1].code"),
        ("11", "sources[1].subjects[1]"),
        ("14", "sources[2].agency"),
        ("16", "other"),
    ]


def test_a_wrong_code_is_told_once_and_never_suggested(tmp_path: Path) -> None:
    assert len(complaints(tmp_path, SMALL.replace("0J", "0K"))) == 1
    told = complaints(tmp_path, AGENCY.replace("0J", "0K") + SOURCE)
    assert [line.count("请改为") for line in told] == [0, 0]


def test_an_empty_file_says_what_it_needs(tmp_path: Path) -> None:
    assert complaints(tmp_path, "") == ["agencies：一个也没有；请至少写一段 [[agencies]]", "sources：一个也没有；请至少写一段 [[sources]]"]


SHAPES = ("1", "-1", "1.5", "true", '""', '"x"', "[]", "{}", "[1]", '["x"]', "[[]]", "[{}]", "{ x = 1 }", "{ x = { y = 1 } }", "2020-01-01")


def replaced() -> Iterator[tuple[int, str]]:
    """The full file with the value of one line replaced by one of another shape."""
    lines = FULL.splitlines()
    for at, line in enumerate(lines):
        if name := re.match("[^=\\[]+ = ", line):
            for value in SHAPES:
                yield at + 1, "\n".join([*lines[:at], name[0] + value, *lines[at + 1 :]])


def test_whatever_is_wrong_is_told_in_chinese_at_its_line(tmp_path: Path) -> None:
    wrong = 0
    for line, text in replaced():
        try:
            settings(tmp_path, text)
        except SettingsError as error:
            wrong += 1
            assert f"：第 {line} 行：" in str(error)
            assert "不合要求（" not in str(error) and "；" in str(error)
    assert wrong > 200


# ---- the text of the file -------------------------------------------------------------------------------------------------

NOT_TOML = {
    "bare Chinese key": ("a = 1\n登记号 = 2\n", 2, "含中文或符号的名称"),
    "dot": ("a. = 1\n", 1, "含中文或符号的名称"),
    "no equals sign": ("a\n", 1, "没有英文等号"),
    "wide equals sign": ("a ＝ 1\n", 1, "本行有全角符号 ＝"),
    "two on a line": ("a = 1 b = 2\n", 1, "一行只写一个设置"),
    "open header": ("\n[a\n", 2, "方括号没有配对"),
    "half header": ("[[a]\n", 1, "方括号没有配对"),
    "twice": ("a = 1\n\na = 2\n", 3, "请合并成一处"),
    "table twice": ("[a]\n[b]\n[a]\n", 3, "请合并成一处"),
    "array after table": ("[a.b]\n[[a]]\n", 2, "请合并成一处"),
    "inline twice": ("a = { b = 1, b = 2 }\n", 1, "请合并成一处"),
    "list without comma": ("a = [1 2]\n", 1, "以 ] 结束"),
    "open list": ("b = 1\na = [1,\n\n", 2, ""),
    "open braces": ("a = { b = 1\n", 1, "以 } 结束"),
    "Windows path": ('a = "D:\\drops"\n', 1, "路径请改用 /"),
    "Windows path, u": ('a = "D:\\users"\n', 1, "路径请改用 /"),
    "open quote": ('a = "x\nb = 1\n', 1, "补齐英文引号"),
    "open single quote": ("a = 'x\nb = 1\n", 1, "补齐英文引号"),
    "open single quote before another": ("c = 1\na = 'x\nb = 'y'\n", 2, "补齐英文引号"),
    "open at the end": ('b = 1\na = "x', 2, "补齐英文引号"),
    "open paragraph": ("a = '''x", 1, "补齐英文引号"),
    "wide quotes": ("a = “x”\n", 1, "本行有全角符号 “”"),
    "no quotes": ("a = x\n", 1, "写在一对英文双引号中"),
    "Python switch": ("a = True\n", 1, "true 或 false"),
    "no such day": ("a = 2023-02-30\n", 1, "没有这个日期"),
}


@pytest.mark.parametrize(("text", "line", "says"), NOT_TOML.values(), ids=NOT_TOML)
def test_what_is_not_toml_is_told_in_chinese(tmp_path: Path, text: str, line: int, says: str) -> None:
    (told,) = complaints(tmp_path, text)
    assert told.startswith(f"第 {line} 行：")
    assert says in told and "；" in told
    assert "不合 TOML" not in told


def test_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "gouji.toml").write_bytes("[paths]\ndata = '数据'\n".encode("gb18030"))
    with pytest.raises(SettingsError, match="第 2 行：不是 UTF-8 编码；请"):
        load(tmp_path / "gouji.toml")


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(SettingsError, match="打不开这个配置文件；请"):
            load(path)


def test_the_option_comes_before_the_variable_and_the_variable_before_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    option, variable = tmp_path / "option.toml", tmp_path / "variable.toml"
    for path in (option, variable, tmp_path / "gouji.toml"):
        path.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOUJI_CONFIG", str(variable))
    assert (locate(option), locate(None)) == (option, variable)
    monkeypatch.setenv("GOUJI_CONFIG", "")
    assert locate(None) == Path("gouji.toml")
    monkeypatch.delenv("GOUJI_CONFIG")
    assert locate(None) == Path("gouji.toml")


def test_without_a_file_the_message_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOUJI_CONFIG", raising=False)
    with pytest.raises(SettingsError) as caught:
        locate(None)
    message = str(caught.value)
    assert message.startswith("gouji.toml：没有这个配置文件") and "--config" in message and "GOUJI_CONFIG" in message
    sample = message[message.index("[[agencies]]") : message.index("文件在别处时")]
    assert set(tomllib.loads(sample)) == {"agencies", "sources"}


def test_a_named_file_that_is_missing_is_not_replaced_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gouji.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOUJI_CONFIG", "other.toml")
    with pytest.raises(SettingsError, match="^other.toml："):
        locate(None)


# ---- lines ----------------------------------------------------------------------------------------------------------------

NESTED = '''\
# a = 1
top = 1.5 # [x]
"甲.乙" = """x
[no]
"q" """
[[s]]
name = 'x#y'
[s.c.p]
"登记号" = "a\\"b"
b . c = [[1,
 2], [3], # ]
 { d = 1, e.f = [
   {g=2}]}]
[[s]]
[[s.t]]
k = 2020-01-01 10:00:00
[[s.t]]
k.j = -1e5
[s.u]
x = {"\\u767b" = "1" , y = {}, z=[]}
'''


def places(node: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if at:
        yield at
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from places(value, (*at, key))


@pytest.mark.parametrize("text", [NESTED, FULL, CONFLICT, *(t for t, *_ in MISTAKES.values())])
def test_every_key_and_element_has_a_line_on_which_it_stands(text: str) -> None:
    lines, written = lines_of(text), text.splitlines()
    assert set(lines) == set(places(tomllib.loads(text)))
    for place, line in lines.items():
        if isinstance(place[-1], str) and place[-1] != "登":
            assert place[-1] in written[line - 1]


def test_lines_in_nested_tables() -> None:
    lines = lines_of(NESTED)
    assert [
        lines[place]
        for place in [
            ("top",),
            ("甲.乙",),
            ("s",),
            ("s", 0),
            ("s", 0, "c"),
            ("s", 0, "c", "p", "登记号"),
            ("s", 0, "c", "p", "b", "c", 0, 1),
            ("s", 0, "c", "p", "b", "c", 2, "e", "f"),
            ("s", 0, "c", "p", "b", "c", 2, "e", "f", 0, "g"),
            ("s", 1),
            ("s", 1, "t", 0, "k"),
            ("s", 1, "t", 1),
            ("s", 1, "t", 1, "k", "j"),
            ("s", 1, "u", "x", "登"),
        ]
    ] == [2, 3, 6, 6, 8, 9, 11, 12, 13, 14, 16, 17, 18, 20]
