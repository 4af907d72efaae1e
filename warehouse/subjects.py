"""The contract of each source: which fields a subject's records have, and which of them decide.

Belongs here: per subject its fields (contract code, house name, Chinese header, kind, personal data), its natural key and
its deciding date. Does not belong here: how a file is read, how a value is cleaned, which table columns follow (`tables.py`).
Kinds: text, key (compared in normal form), uscc, category, number, date (day only), instant, free (free text that may
hold personal data).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

KINDS = frozenset({"text", "key", "uscc", "category", "number", "date", "instant", "free"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a contract: `code` as the platform writes it, `name` in our tables, `zh` as a spreadsheet heads it."""

    code: str
    name: str
    zh: str
    kind: str
    pii: bool = False
    en: str = ""


@dataclass(frozen=True)
class Subject:
    """One kind of record: its fields, the fields of its natural key, the date that decides its report year."""

    name: str
    zh: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    decided_by: str
    pattern: str
    updated_at: str | None = "updated_at"

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """House name → field."""
        return MappingProxyType({f.name: f for f in self.fields})

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Every header that stands for a field without configuration (code, Chinese header, house name) → house name."""
        return MappingProxyType({h: f.name for f in self.fields for h in (f.code, f.zh, f.name)})

    def of_kind(self, *kinds: str) -> list[str]:
        """House names of the fields of these kinds, in contract order."""
        return [f.name for f in self.fields if f.kind in kinds]


def _subject(name: str, zh: str, key: str, decided_by: str, pattern: str, fields: str, updated_at: str | None = "updated_at") -> Subject:
    """Read the compact contract below: one line a field: `code name kind[!] 中文 | English`; `!` marks personal data."""
    rows = []
    for line in fields.strip().splitlines():
        left, en = line.split("|")
        code, house, kind, header = left.split()
        rows.append(Field(code, code if house == "=" else house, header, kind.rstrip("!"), kind.endswith("!"), en.strip()))
    assert all(f.kind in KINDS for f in rows) and {*key.split(), decided_by} <= {f.name for f in rows}
    return Subject(name, zh, tuple(rows), tuple(key.split()), decided_by, pattern, updated_at)


_ALL = (
    _subject("applications", "政府信息公开申请", "application_no", "received_on", "requests/applications*", """
application_no = key 登记编号 | registration number of the application
channel = category 申请方式 | how the application came in
applicant_kind = category 申请人类型 | class of applicant as the source words it
applicant_name = text! 申请人名称 | name of the applicant
id_number = text! 证件号码 | identity document number of a natural person
applicant_uscc = uscc 统一社会信用代码 | credit code of an applying organisation
phone = text! 联系电话 | telephone
content = free! 申请内容 | what is asked for
submitted_on = date 提交日期 | day of submission
received_on = date 收到日期 | legal receipt date (Art. 31)
supplement_asked_on = date 补正告知日期 | day the supplement was asked for (Art. 30)
supplement_received_on = date 补正收到日期 | day the supplement came in
third_party_from = date 征求第三方开始 | first day of third-party consultation (Art. 32)
third_party_to = date 征求第三方结束 | last day of third-party consultation
extended_on = date 延期告知日期 | day the extension was notified (Art. 33)
fee_notice_on = date 收费通知日期 | day of the fee notice (Art. 42)
fee_yuan = number 收费金额（元） | information processing fee billed
fee_paid_on = date 缴费日期 | day the fee was paid
replied_on = date 答复日期 | day of the reply; empty while open
reply_no = key 答复文号 | document number of the reply
outcome = category 办理结果 | outcome as the source words it
updated_at = instant 更新时间 | last change at the source
note = free! 备注 | remark
"""),
    _subject("disputes", "行政复议、行政诉讼案件", "case_no", "accepted_on", "requests/disputes*", """
case_no = key 案号 | case number
case_kind = category 案件类型 | review or lawsuit
route = category 起诉方式 | direct lawsuit or after review
claimant = text! 申请人或原告 | claimant
application_no = key 关联登记编号 | application the case is about
forum = text 受理机关 | review organ or court
accepted_on = date 受理日期 | day of acceptance
closed_on = date 结案日期 | day of closing; empty while pending
result = category 结果 | result as worded
updated_at = instant 更新时间 | last change at the source
note = free! 备注 | remark
"""),
    _subject("penalties", "行政处罚", "organ_code document_no", "decided_on", "enforcement/penalties*", """
CF_XDR_MC party_name text! 行政相对人名称 | party
CF_XDR_LB party_kind category 行政相对人类别 | kind of party
CF_XDR_SHXYM party_uscc uscc 统一社会信用代码 | credit code of the party
CF_XDR_ZJHM party_id_number text! 证件号码 | identity number of the party
CF_FRDB legal_representative text! 法定代表人 | legal representative
CF_WSH document_no key 行政处罚决定书文号 | document number of the decision
CF_WFXW violation_kind text 违法行为类型 | kind of violation
CF_SY violation_facts free! 违法事实 | facts
CF_YJ legal_basis text 处罚依据 | legal basis
CF_CFLB sanction_kinds text 处罚类别 | kinds of sanction
CF_NR decision_content free! 处罚内容 | content of the decision
CF_NR_FK fine_wan number 罚款金额（万元） | fine
CF_NR_WFFF confiscated_wan number 没收金额（万元） | confiscated amount
CF_JDRQ decided_on date 处罚决定日期 | day of the decision: decides the report year
CF_GSJZQ shown_until_on date 公示截止期 | end of publication
CF_CFJG organ_name category 处罚机关 | deciding organ
CF_CFJGDM organ_code key 处罚机关统一社会信用代码 | credit code of the deciding organ
CF_SJLY data_source_name text 数据来源单位 | organ that supplied the record
GKZT disclosure_state category 公开状态 | publication state
GKRQ disclosed_on date 公开日期 | day of publication
GKURL disclosed_url text 公开地址 | address of publication
JDZT decision_state category 决定状态 | state of the decision
RWBH task_no text 关联抽查任务编号 | inspection task the case came from
GXSJ updated_at instant 更新时间 | last change at the source
BZ note free! 备注 | remark
"""),
    _subject("permits", "行政许可", "organ_code document_no", "decided_on", "enforcement/permits*", """
XK_XDR_MC party_name text! 行政相对人名称 | party
XK_XDR_LB party_kind category 行政相对人类别 | kind of party
XK_XDR_SHXYM party_uscc uscc 统一社会信用代码 | credit code of the party
XK_XDR_ZJHM party_id_number text! 证件号码 | identity number of the party
XK_XKWS document_title text 决定文书名称 | title of the decision
XK_WSH document_no key 决定文书号 | document number of the decision
XK_XKLB permit_kind category 许可类别 | kind of permit
XK_NR decision_content free! 许可内容 | content of the decision
XK_JDRQ decided_on date 许可决定日期 | day of the decision: decides the report year
XK_YXQZ valid_from_on date 有效期自 | first day of validity
XK_YXQZI valid_until_on date 有效期至 | last day of validity
XK_XKJG organ_name category 许可机关 | deciding organ
XK_XKJGDM organ_code key 许可机关统一社会信用代码 | credit code of the deciding organ
XK_JG decision_result category 决定结果 | result of the decision
GKZT disclosure_state category 公开状态 | publication state
GKRQ disclosed_on date 公开日期 | day of publication
GKURL disclosed_url text 公开地址 | address of publication
GXSJ updated_at instant 更新时间 | last change at the source
BZ note free! 备注 | remark
"""),
    _subject("coercions", "行政强制", "organ_code document_no", "decided_on", "enforcement/coercions*", """
QZ_XDR_MC party_name text! 行政相对人名称 | party
QZ_XDR_SHXYM party_uscc uscc 统一社会信用代码 | credit code of the party
QZ_WSH document_no key 决定书文号 | document number of the decision
QZ_ZL coercion_kind category 强制种类 | measure, enforcement or application to a court
QZ_NR decision_content free! 强制内容 | content of the decision
QZ_JDRQ decided_on date 决定日期 | day of the decision: decides the report year
QZ_ZXRQ executed_on date 执行完毕日期 | day enforcement was completed
QZ_JG organ_name category 强制机关 | deciding organ
QZ_JGDM organ_code key 强制机关统一社会信用代码 | credit code of the deciding organ
GKZT disclosure_state category 公开状态 | publication state
GKRQ disclosed_on date 公开日期 | day of publication
GKURL disclosed_url text 公开地址 | address of publication
GXSJ updated_at instant 更新时间 | last change at the source
BZ note free! 备注 | remark
"""),
    _subject("inspections", "双随机抽查", "task_no object_uscc", "inspected_on", "enforcement/inspections*", """
raninsPlanId plan_no text 抽查计划编号 | plan number
raninsPlaneName plan_name text 抽查计划名称 | plan name (the national system spells the code so)
raninsTaskId task_no key 抽查任务编号 | task number
raninsTaskName task_name text 抽查任务名称 | task name
raninsTypeName inspection_kind text 抽查类型 | kind of inspection
insAuth organ_name category 抽查机关 | inspecting organ
insAuthCode organ_code key 抽查机关统一社会信用代码 | credit code of the inspecting organ
objName object_name text! 检查对象 | inspected party
objUscc object_uscc uscc 检查对象统一社会信用代码 | credit code of the inspected party
inspectors = text! 检查人员 | inspectors, at least two
insDate inspected_on date 抽查完成日期 | day the inspection ended: decides the report year
resCode result_codes text 检查结果代码 | result codes, comma-joined
pubDate disclosed_on date 公示日期 | day of publication
pubUrl disclosed_url text 公示地址 | address of publication
updatedAt updated_at instant 更新时间 | last change at the source
"""),
    _subject("publications", "网站信息发布", "item_id action acted_at", "acted_at", "site/publications*", """
item_id = key 稿件ID | item of the content system
index_no = text 索引号 | catalogue index number
title = text 标题 | title
channel = text 栏目 | channel
disclosure = category 公开方式 | way of disclosure
publisher = category 发布机构 | publishing organ
document_no = key 文号 | document number
dated_on = date 成文日期 | day the document was signed
published_at = instant 发布时间 | time of publication as shown
action = category 操作 | publish, update or withdraw
acted_at = instant 操作时间 | time of the event: decides the report year
url = text URL | address
attachments = number 附件数 | number of attachments
""", updated_at=None),
    _subject("normative_documents", "规章和行政规范性文件", "document_no", "dated_on", "site/normative_documents*", """
document_no = key 文号 | document number
title = text 标题 | title
kind = category 类别 | regulation, normative document or other
issuer = category 制定机关 | issuing organ
dated_on = date 成文日期 | day the document was signed
issued_on = date 公布日期 | day of promulgation
effective_on = date 施行日期 | first day in force
expires_on = date 有效期至 | last day in force
status = category 状态 | in force, repealed, lapsed or amended
status_changed_on = date 状态变化日期 | day the status changed
by_document_no = key 依据文号 | document that changed the status
updated_at = instant 更新时间 | last change at the source
"""),
    _subject("fees", "行政事业性收费", "receipt_no", "collected_on", "fees/fees*", """
receipt_no = key 票据号 | receipt number
item = text 项目 | fee item
collected_by = category 执收单位 | collecting organ
collected_by_code organ_code key 执收单位代码 | credit code of the collecting organ
amount_yuan = number 金额（元） | amount; negative is a refund
collected_on = date 入库日期 | day of collection: decides the report year
updated_at = instant 更新时间 | last change at the source
note = free! 备注 | remark
"""),
)
SUBJECTS: Mapping[str, Subject] = MappingProxyType({s.name: s for s in _ALL})
# The web server's log has no records with a key: it lands as hits (Parquet), rejects and counts, not as rows of a table.
ACCESS_LOG = "access_log"
ACCESS_LOG_PATTERN = "site/access*"
SOURCES: tuple[str, ...] = (*SUBJECTS, ACCESS_LOG)
SOURCE_ZH: Mapping[str, str] = MappingProxyType({**{s.name: s.zh for s in _ALL}, ACCESS_LOG: "网站访问日志"})
