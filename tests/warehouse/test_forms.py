"""The statutory forms: every published figure has a cell, the layout is the official one, and a broken form is refused."""

import copy
import json
import re
import tomllib
from pathlib import Path

import pytest

from warehouse import forms

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name):
    """The figures of a published report by cell id; a repeated digits-as-published entry is not a figure."""
    tables = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))

    def walk(node, path):
        if isinstance(node, dict):
            for key, value in node.items():
                yield from walk(value, f"{path}.{key}")
        elif not path.endswith("_as_published"):
            yield path, node

    return tables["format"], {k: v for t in ("table2", "table3", "table4") for k, v in walk(tables[t], t)}


PUBLISHED = sorted(p.stem for p in GOLDEN.glob("*.json"))
# 洪泽 printed the single 其他处理 row of the older form under the newer headings.
OLD_ROW = {"jiangsu-huaian-hongze-qu-2023"}


def boxes(table, format_id="2021"):
    grid = next(g for g in forms.load(format_id).grids if g.key == table)
    return {(b.row, b.col): (b.rowspan, b.colspan, b.text) for b in grid.boxes if not b.cell_id}


@pytest.mark.parametrize("name", [n for n in PUBLISHED if n not in OLD_ROW])
def test_every_published_figure_has_a_cell_and_every_cell_a_figure(name):
    format_id, figures = golden(name)
    cells = set(forms.load(format_id).cells)
    if format_id == "2019":
        cells.discard("table2.procurement.amount")  # published as text with its unit
    assert set(figures) == cells


def test_a_report_with_the_older_row_differs_in_that_row_only():
    _, figures = golden(*OLD_ROW)
    odd = {k.split(".")[1] for k in figures.keys() ^ forms.load("2021").cells.keys()}
    assert odd == {"other_processing", "other_no_correction", "other_unpaid_fee", "other_other"}


def test_the_form_has_ten_and_175_and_15_cells():
    form = forms.load("2021")
    assert [len(g.cells) for g in form.grids] == [10, 175, 15]
    assert [g.shape for g in form.grids] == [(14, 4), (28, 10), (4, 15)]
    assert len(form.cells) == 200


def test_the_older_form_has_22_and_161_and_15_cells():
    assert [len(g.cells) for g in forms.load("2019").grids] == [22, 161, 15]


def test_table_two_is_laid_out_as_printed():
    assert list(boxes("table2").items()) == [
        ((1, 1), (1, 4, "第二十条第（一）项")),
        ((2, 1), (1, 1, "信息内容")),
        ((2, 2), (1, 1, "本年制发件数")),
        ((2, 3), (1, 1, "本年废止件数")),
        ((2, 4), (1, 1, "现行有效件数")),
        ((3, 1), (1, 1, "规章")),
        ((4, 1), (1, 1, "行政规范性文件")),
        ((5, 1), (1, 4, "第二十条第（五）项")),
        ((6, 1), (1, 1, "信息内容")),
        ((6, 2), (1, 3, "本年处理决定数量")),
        ((7, 1), (1, 1, "行政许可")),
        ((8, 1), (1, 4, "第二十条第（六）项")),
        ((9, 1), (1, 1, "信息内容")),
        ((9, 2), (1, 3, "本年处理决定数量")),
        ((10, 1), (1, 1, "行政处罚")),
        ((11, 1), (1, 1, "行政强制")),
        ((12, 1), (1, 4, "第二十条第（八）项")),
        ((13, 1), (1, 1, "信息内容")),
        ((13, 2), (1, 3, "本年收费金额（单位：万元）")),
        ((14, 1), (1, 1, "行政事业性收费")),
    ]


def test_table_three_spans_as_printed():
    got = boxes("table3")
    assert got[1, 1] == (3, 3, "（本列数据的勾稽关系为：第一项加第二项之和，等于第三项加第四项之和）")
    assert got[1, 4] == (1, 7, "申请人情况")
    assert got[2, 4] == (2, 1, "自然人") and got[2, 5] == (1, 5, "法人或其他组织") and got[2, 10] == (2, 1, "总计")
    assert [got[3, c][2] for c in range(5, 10)] == ["商业企业", "科研机构", "社会公益组织", "法律服务机构", "其他"]
    assert got[4, 1] == (1, 3, "一、本年新收政府信息公开申请数量")
    assert got[5, 1] == (1, 3, "二、上年结转政府信息公开申请数量")
    assert got[6, 1] == (22, 1, "三、本年度办理结果")
    assert got[6, 2] == (1, 2, "（一）予以公开")
    assert got[7, 2] == (1, 2, "（二）部分公开（区分处理的，只计这一情形，不计其他情形）")
    assert [(r, got[r, 2]) for r in (8, 16, 19, 24)] == [
        (8, (8, 1, "（三）不予公开")),
        (16, (3, 1, "（四）无法提供")),
        (19, (5, 1, "（五）不予处理")),
        (24, (3, 1, "（六）其他处理")),
    ]
    assert got[10, 3] == (1, 1, "3.危及“三安全一稳定”")
    assert got[24, 3] == (1, 1, "1.申请人无正当理由逾期不补正、行政机关不再处理其政府信息公开申请")
    assert got[27, 2] == (1, 2, "（七）总计") and got[28, 1] == (1, 3, "四、结转下年度继续办理")


def test_table_four_spans_as_printed():
    got, leaves = boxes("table4"), ["结果维持", "结果纠正", "其他结果", "尚未审结", "总计"]
    assert got[1, 1] == (1, 5, "行政复议") and got[1, 6] == (1, 10, "行政诉讼")
    assert got[2, 6] == (1, 5, "未经复议直接起诉") and got[2, 11] == (1, 5, "复议后起诉")
    assert [got[2, c] for c in range(1, 6)] == [(2, 1, t) for t in leaves]
    assert [got[3, c] for c in range(6, 16)] == [(1, 1, t) for t in leaves * 2]


def test_labels_lead_to_the_cell():
    cells = forms.load("2021").cells
    assert cells["table3.granted.natural_person"].label == "表三 · 三、本年度办理结果 · （一）予以公开 · 自然人"
    assert cells["table3.carried_out.other"].label == "表三 · 四、结转下年度继续办理 · 法人或其他组织 · 其他"
    assert cells["table2.fee_10k_yuan"].label == "表二 · 第二十条第（八）项 · 行政事业性收费 · 本年收费金额（单位：万元）"
    assert cells["table4.review.upheld"].label == "表四 · 行政复议 · 结果维持"
    assert cells["table4.litigation_after_review.total"].label == "表四 · 行政诉讼 · 复议后起诉 · 总计"
    assert len({c.label for c in cells.values()}) == 200


def test_only_the_fee_is_an_amount():
    assert [(c.id, c.unit) for c in forms.load("2021").cells.values() if c.kind == "decimal"] == [("table2.fee_10k_yuan", "万元")]
    assert {c.unit for c in forms.load("2021").cells.values() if c.kind == "int"} == {"件"}


def test_outcomes_and_applicants_carry_their_official_names_without_numbering():
    form = forms.load("2021")
    assert len(form.leaves) == 21 and not [v for v in form.leaves.values() if re.match(r"[（\d一二三四五六七]+[）.、]", v)]
    assert form.leaves["denied_security_stability"] == "危及“三安全一稳定”"
    assert form.leaves["partial"] == "部分公开（区分处理的，只计这一情形，不计其他情形）"
    assert form.leaves["other_other"] == "其他"
    assert list(form.applicants.values()) == ["自然人", "商业企业", "科研机构", "社会公益组织", "法律服务机构", "其他"]
    assert form.tie_out.startswith("（本列数据的勾稽关系为")


def test_every_cell_of_2021_is_counted_once_by_keys_of_its_own():
    rows = forms.load("2021").counting_rows()
    assert [r["cell_id"] for r in rows] == list(forms.load("2021").cells)
    assert len({(r["subject"], r["mark"], r["class"]) for r in rows}) == 200
    by_cell = {r["cell_id"]: (r["subject"], r["mark"], r["class"]) for r in rows}
    assert by_cell["table2.regulations.made"] == ("normative_documents", "made", "regulations")
    assert by_cell["table2.licensing_decisions"] == ("permits", "decided", "*")
    assert by_cell["table2.punishment_decisions"] == ("penalties", "decided", "*")
    assert by_cell["table2.coercion_decisions"] == ("coercions", "decided", "*")
    assert by_cell["table2.fee_10k_yuan"] == ("fees", "collected", "*")
    assert by_cell["table3.granted.natural_person"] == ("applications", "granted", "natural_person")
    assert by_cell["table3.total_handled.total"] == ("applications", "total_handled", "*")
    assert by_cell["table4.review.total"] == ("disputes", "handled", "review")


def test_the_older_form_counts_what_records_can_count_and_leaves_the_rest_unknown():
    form = forms.load("2019")
    uncounted = {c.id for c in form.cells.values() if not c.marks}
    assert len(uncounted) == 17 and "table2.procurement.amount" in uncounted and "table2.licensing.change" in uncounted
    one = {r["mark"] for r in form.counting_rows() if r["cell_id"] == "table3.other_processing.total"}
    assert one == {"other_processing", "other_no_correction", "other_unpaid_fee", "other_other"}


@pytest.mark.parametrize(("year", "format_id"), [(2019, "2019"), (2020, "2019"), (2021, "2021"), (2025, "2021")])
def test_a_report_year_has_its_form(year, format_id):
    assert forms.format_of(year) == format_id


def test_a_year_or_format_without_a_form_is_refused_with_a_clear_message():
    with pytest.raises(forms.FormError, match="2018.*没有可用的表样"):
        forms.format_of(2018)
    with pytest.raises(forms.FormError, match="没有表样 '1999'"):
        forms.load("1999")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s["table3"]["head"].pop(), "被覆盖 0 次"),
        (lambda s: s["table3"]["head"].append([3, 9, 1, 1, "另一栏"]), "被覆盖 2 次"),
        (lambda s: s["table4"]["head"][0].__setitem__(3, 6), "被覆盖 2 次"),
        (lambda s: s["table3"]["rows"].pop(), "应有 200 个单元格，实有 193 个"),
        (lambda s: s["table3"]["rows"][0].update(key="carried_in"), "应有 200 个单元格"),
        (lambda s: s["table3"]["head"][1].__setitem__(4, ""), "空白的标签格"),
        (lambda s: s["table2"]["bands"][3].update(kind="float"), "类型不明"),
        (lambda s: s["table3"]["rows"][0].update(law=""), "缺少单位、依据"),
    ],
)
def test_a_form_that_does_not_add_up_is_refused(spoil, message):
    text = (Path(forms.__file__).parent / "2021.toml").read_text("utf-8")
    spec = copy.deepcopy(tomllib.loads(text))
    spoil(spec)
    with pytest.raises(forms.FormError, match=message):
        forms.build(spec)
