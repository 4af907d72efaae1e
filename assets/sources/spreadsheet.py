"""Excel workbooks (.xlsx, .xls): the first visible sheet as a grid of text.

Belongs here: checks that a workbook is whole and safe to open, cells as text, the header row. Does not belong here: what a
header means (`shape.py`), the reading of dates and amounts.

Cells come as fastexcel writes them: a date cell as `2023-03-05 00:00:00`, a number without exponent in the 15 digits Excel
shows, a boolean as `true`. A row's number is the one the user sees; rows and columns may be hidden, the header may stand in
any of the first rows. Three things would be lost silently and are not: an error cell is null to fastexcel and is put back as
`#N/A` and so on; a formula that was never calculated has no value, so its workbook is rejected; other sheets with content are
named. A workbook that counts its dates from 1904 is rejected, as a date left without a date format would be four years early.
A workbook whose writer stored a made-up result for a formula (XlsxWriter: 0) cannot be told from a calculated one.
"""

from __future__ import annotations

import mmap
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.parsers import expat

import fastexcel
import polars as pl

from assets.sources.shape import CHUNK_ROWS, HEADER_ROWS, Headers, Landed, Layout, Rejected, extra_json, schema_of

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_BLOCK = 1 << 20
# Uncompressed parts may be this many times the limit of a file; a part that inflates more than 200 times is a bomb. Sheets of
# real records inflate 5 to 30 times.
_INFLATED = 20
_BOMB_BYTES = 64 * _BLOCK
_BOMB_RATIO = 200
# The library lays a sheet out as a full grid of 32 bytes a cell, and a single cell in the far corner makes it abort the
# process. 64 million cells are a full-height sheet of 61 columns.
_GRID = 64_000_000
_OVERLAP = 16 * 1024  # longer than the formulas of a usual writer; a longer one is only read more slowly
# The usual writers give every cell as `<c r="B7" ...>` and a formula as `<f>...</f><v>...</v>`. Blocks are only searched for
# something else; a sheet that has it anywhere is then read by a real parser, which is exact and many times slower.
_WIDE = re.compile(rb' r="([A-Z]{2,3})[0-9]')
_CELL_ROW = re.compile(rb'<c r="[A-Z]{1,3}([0-9]{2,7})"')
_PLACE = re.compile("([A-Za-z]{1,6})([0-9]{1,9})")
_PREFIXED = re.compile(rb":[cf][\s/>]")
_BARE_FORMULA = re.compile(rb'<f(?=[\s/>])(?<! t="str"><f)(?!(?:\s[^<>]*)?(?:/>|>[^<]*</f>)<v>\s*[^<\s])')
_DATE_1904 = re.compile(rb"""<(?:[^\s<>/:]+:)?workbookPr\s(?:[^<]*?\s)?date1904\s*=\s*["']\s*(?:1|true|on)\s*["']""", re.IGNORECASE)
_ERRORS = {
    "NA": "#N/A", "Div0": "#DIV/0!", "Name": "#NAME?", "Null": "#NULL!", "Num": "#NUM!", "Ref": "#REF!", "Value": "#VALUE!",
    "GettingData": "#GETTING_DATA",
}  # fmt: skip
_ERROR_DETAIL = re.compile(r"Error\((\w+)\)")


def read_spreadsheet(path: Path, headers: Headers, limit_bytes: int) -> Landed:
    """Read the first visible sheet of a workbook.

    Raises:
        Rejected: `not_xlsx`, `corrupt_xlsx`, `date_1904`, `too_large`, `missing_key_column` or `duplicate_column`.
    """
    kind = _check(path, limit_bytes)
    sheet, ignored, grid = _load(path, kind)
    where = f"工作表“{sheet}”"
    head = grid.head(HEADER_ROWS).rows()
    place = headers.find(head)
    if place is None:
        raise headers.missing(head, f"{where}前 {HEADER_ROWS} 行")
    index = place[0]
    header = head[index]
    data = grid.slice(index + 1)
    nameless = [at for at, name in enumerate(header) if not (name or "").strip()]
    used = [at for at in nameless if (data.to_series(at).fill_null("") != "").any()]
    layout = headers.layout(header, f"{where}第 {index + 1} 行的表头", used)
    return Landed(sheet, layout.unknown_names, ignored, _chunks(data, index + 2, headers, layout))


def _chunks(data: pl.DataFrame, first_no: int, headers: Headers, layout: Layout) -> Iterator[pl.DataFrame]:
    schema = list(schema_of(headers.subject))
    text = pl.col(pl.String)
    for start in range(0, data.height, CHUNK_ROWS):
        part = data.slice(start, CHUNK_ROWS).with_row_index("row_no", first_no + start)
        part = part.filter(pl.any_horizontal(text.str.strip_chars() != ""))
        if part.is_empty():
            continue
        names = part.columns[1:]
        fields = [
            pl.lit(None, pl.String).alias(f.name) if at is None else pl.col(names[at]).replace("", None).alias(f.name)
            for f, at in zip(headers.subject.fields, layout.fields, strict=True)
        ]
        yield part.select(pl.col("row_no").cast(pl.Int64), *fields, pl.Series("extra", _extras(part, layout), pl.String)).select(schema)


def _extras(part: pl.DataFrame, layout: Layout) -> list[str | None]:
    if not layout.unknown:
        return [None] * part.height
    unknown = part.select(part.columns[at + 1] for at, _ in layout.unknown)
    return [extra_json(zip(layout.unknown_names, cells, strict=True)) for cells in unknown.iter_rows()]


def _load(path: Path, kind: str) -> tuple[str, tuple[str, ...], pl.DataFrame]:
    """Name and grid of the first visible sheet, names of the other sheets that have content."""
    chosen: tuple[str, pl.DataFrame] | None = None
    ignored = []
    with TemporaryDirectory() as folder, _calamine():
        # The library goes by the suffix of the path, and landed bytes may be stored under any name.
        link = Path(folder) / f"book{kind}"
        link.symlink_to(path.resolve())
        book = fastexcel.read_excel(link)
        for index, name in enumerate(book.sheet_names):
            sheet = book.load_sheet(index, header_row=None, skip_rows=0, dtypes="string")
            if chosen is None and sheet.visible == "visible":
                chosen = name, _grid(sheet)
            elif sheet.total_height:
                ignored.append(name)
            del sheet  # a sheet and the next must not be in memory together
    if chosen is None:
        raise Rejected("missing_key_column", "工作簿里没有可见的工作表；请取消隐藏后重新提交。")
    return chosen[0], tuple(ignored), chosen[1]


def _grid(sheet: fastexcel.ExcelSheet) -> pl.DataFrame:
    """All cells as text; column and row positions are those of the sheet, counted from 0."""
    if not sheet.total_height:
        return pl.DataFrame()
    batch, errors = sheet.to_arrow_with_errors()
    leading = sheet.selected_columns[0].absolute_index
    grid = pl.from_arrow(batch)
    assert isinstance(grid, pl.DataFrame)
    grid.columns = [str(leading + at) for at in range(grid.width)]
    by_column: dict[int, dict[int, str]] = {}
    for error in errors.errors if errors else ():
        row, column = error.position
        by_column.setdefault(column, {})[row] = _error_text(error.detail)
    for column, texts in by_column.items():
        grid.replace_column(column, grid.to_series(column).scatter(list(texts), list(texts.values())))
    blank = [pl.Series(str(at), [None] * grid.height, pl.String) for at in range(leading)]
    return pl.DataFrame([*blank, *grid.get_columns()])


def _error_text(detail: str) -> str:
    found = _ERROR_DETAIL.search(detail)
    return _ERRORS.get(found[1], "#ERROR!") if found else "#ERROR!"


@contextmanager
def _calamine() -> Iterator[None]:
    try:
        yield
    except (MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a Rust panic is pyo3's PanicException, which is no Exception
        raise _corrupt() from error


def _corrupt() -> Rejected:
    return Rejected("corrupt_xlsx", "工作簿已损坏、没有传完或加了密码，无法打开；请用 Excel 打开确认、去掉密码，另存为 .xlsx 后重新提交。")


def _check(path: Path, limit_bytes: int) -> str:
    """The kind of workbook by its bytes (`.xlsx` or `.xls`), once it is known to be whole and safe to open."""
    with path.open("rb") as file:
        head = file.read(8)
        if head.startswith(_OLE):
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content.find(_ENCRYPTED) >= 0:
                    raise _corrupt()
            return ".xls"
    if not head.startswith(_ZIP):
        raise Rejected("not_xlsx", "文件名是 Excel 工作簿，内容却不是（例如网页表格改了后缀）；请用 Excel 打开，另存为 .xlsx 后重新提交。")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_parts(archive, limit_bytes)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise _corrupt() from error
    return ".xlsx"


def _check_parts(archive: zipfile.ZipFile, limit_bytes: int) -> None:
    parts = archive.infolist()
    if not any(part.filename.lower().replace("\\", "/").startswith("xl/") and part.filename.endswith(".xml") for part in parts):
        raise Rejected("not_xlsx", "文件是压缩包，但里面不是 Excel 工作簿（.xlsx）；请用 Excel 另存为 .xlsx 后重新提交。")
    inflated = sum(part.file_size for part in parts)
    if inflated > _INFLATED * limit_bytes:
        raise Rejected("too_large", f"工作簿解压后有 {inflated} 字节，超过上限 {_INFLATED * limit_bytes} 字节；请分成几个文件提交。")
    if any(part.file_size > max(_BOMB_BYTES, _BOMB_RATIO * part.compress_size) for part in parts):
        raise Rejected("too_large", f"工作簿里有压缩 {_BOMB_RATIO} 倍以上的部分，不像正常的表格；请用 Excel 另存为 .xlsx 后重新提交。")
    for part in parts:
        _check_part(archive, part)


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Read a part to its end: the library stops at the last cell and would not notice a wrong checksum."""
    wide: set[bytes] = set()
    rows = 0
    is_sheet, usual = False, True
    for block, end in _blocks(archive, part):
        if not is_sheet and _DATE_1904.search(block):
            raise Rejected("date_1904", "工作簿使用 1904 日期系统；请在 Excel 选项中取消“使用 1904 日期系统”，核对日期后另存，重新提交。")
        is_sheet = is_sheet or b"sheetData" in block  # a sheet may lie under any name
        if not (is_sheet and usual):
            continue
        last = _CELL_ROW.match(block, max(0, block.rfind(b'<c r="', 0, end)))
        rows = _round_up(max(rows, int(last[1]) if last else 0))
        unusual = _starts_before(end, _PREFIXED, block) or (b"<f" in block and _starts_before(end, _BARE_FORMULA, block))
        if not unusual and _starts_before(end, _cell_outside(1, rows), block):
            wide.update(_WIDE.findall(block))
            unusual = _starts_before(end, _cell_outside(3, rows), block)
        usual = not unusual
    # The product counts cells that are only formatted, and rows are rounded up.
    if is_sheet and not (usual and rows * max(map(_column_no, wide), default=26) <= _GRID):
        _check_cells(archive, part)


def _blocks(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[tuple[bytes, int]]:
    """Blocks of a part, each with the position from which on the next block repeats it."""
    with archive.open(part) as stream:
        block = stream.read(_BLOCK)
        while following := stream.read(_BLOCK):
            end = max(0, len(block) - _OVERLAP)
            yield block, end
            block = block[end:] + following
        yield block, len(block)


def _starts_before(end: int, pattern: re.Pattern[bytes], block: bytes) -> bool:
    found = pattern.search(block)
    return found is not None and found.start() < end


def _round_up(rows: int) -> int:
    digits = str(max(rows, 10))
    return int(digits[:2].ljust(len(digits), "9"))


def _cell_outside(letters: int, rows: int) -> re.Pattern[bytes]:
    """A cell that does not say, as usual writers do, that it is in a column of so many letters and one of the rounded rows."""
    first, second, rest = str(rows)[0], str(rows)[1], len(str(rows)) - 2
    below = f"[1-{int(first) - 1}][0-9]{{{rest + 1}}}|" if first > "1" else ""
    row = f"{first}[0-{second}][0-9]{{{rest}}}|{below}[0-9]{{1,{rest + 1}}}+"
    return re.compile(rf'<c(?! r="[A-Z]{{1,{letters}}}+(?:{row})")[\s/>]'.encode())


class _Cells:
    """The cells of a sheet where the library will see them: by local names, and counted where they do not say where they are."""

    def __init__(self) -> None:
        self.far_row = self.far_column = 0
        self.bare = ""
        self._row = self._column = 1
        self._at: tuple[int, int] | None = None
        self._formula = self._value = self._in_value = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        if tag == "row":
            self._row = int(attributes.get("r", self._row))
        elif tag == "c":
            place = _PLACE.fullmatch(attributes.get("r", f"{_letters(self._column)}{self._row}"))
            if not place:
                raise ValueError(attributes)
            self._column = _column_no(place[1].upper().encode())
            self._at = int(place[2]), self._column
            self._formula = False
            self._value = attributes.get("t") == "str"  # a text formula may have calculated an empty text
        elif self._at:
            self.far_row, self.far_column = max(self.far_row, self._at[0]), max(self.far_column, self._at[1])
            self._formula = self._formula or tag == "f"
            self._in_value = tag == "v"

    def text(self, data: str) -> None:
        self._value = self._value or (self._in_value and not data.isspace())

    def end(self, name: str) -> None:
        tag = name.rpartition(":")[2]
        if tag == "row":
            self._row, self._column = self._row + 1, 1
        elif tag == "c" and self._at:
            if self._formula and not self._value and not self.bare:
                self.bare = f"{_letters(self._at[1])}{self._at[0]}"
            self._column += 1
            self._at = None
        elif tag == "v":
            self._in_value = False


def _check_cells(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    cells = _Cells()
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = cells.start, cells.end, cells.text
    with archive.open(part) as stream:
        try:
            parser.ParseFile(stream)
        except expat.ExpatError as error:
            raise _corrupt() from error
    name = Path(part.filename).name
    if cells.bare:
        raise Rejected("corrupt_xlsx", f"{name} 的单元格 {cells.bare} 是没有计算结果的公式，读不到数值；请用 Excel 打开并保存后重新提交。")
    if cells.far_row * cells.far_column > _GRID:
        extent = f"{name} 的内容一直写到第 {cells.far_row} 行、{_letters(cells.far_column)} 列"
        raise Rejected("too_large", f"{extent}，表格过大；请删除数据区以外的单元格后重新提交。")


def _column_no(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _letters(column: int) -> str:
    letters = ""
    while column > 0:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return letters
