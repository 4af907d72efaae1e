"""What is written about the project is true of it: pages, commands, options, targets, links, the example configuration."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from pipelines import docs, settings
from pipelines.cli import main
from warehouse import tables
from warehouse.subjects import SUBJECTS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md")])
ENDS = {"|", ">", ">>", "&&", ";", "\\"}
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[str]:
    """The fenced blocks of a page."""
    return re.findall(r"^```[^\n]*\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def shelled(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Name of the program and arguments of every command line in the blocks of a page."""
    for line in "".join(blocks(page)).splitlines():
        try:
            words = shlex.split(line.removeprefix("$ "), comments=True)
        except ValueError:  # output with an odd quotation mark
            continue
        for at, word in enumerate(words):
            rest = words[at + 1 :]
            end = next((i for i, w in enumerate(rest) if w in ENDS), len(rest))
            if rest[:end]:
                yield word.rpartition("/")[2], rest[:end]


def inline(page: Path, program: str) -> Iterator[list[str]]:
    """Arguments of a program where it is named in running text as code."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return (found.split() for found in re.findall(rf"`{program} ([^`]+)`", text))


def split(arguments: list[str]) -> tuple[str, list[str]]:
    """The verb of a `gouji` command line, and what follows it."""
    _, rest, _ = main.make_parser(click.Context(main)).parse_args(list(arguments))
    return (rest[0], rest[1:]) if rest else ("", [])


def every(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from every(below)


# ---- generated pages ------------------------------------------------------------------------------------------------------


def test_the_pages_on_disk_are_what_the_code_says() -> None:
    assert docs.stale() == []


def test_a_stale_page_is_named_and_the_exit_code_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "FOLDER", tmp_path)
    monkeypatch.setattr(docs, "stale", lambda: ["rules.zh-CN.md"])
    assert docs.main(["--check"]) == 1
    assert "docs/rules.zh-CN.md" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert docs.main([]) == 0
    assert (tmp_path / "rules.zh-CN.md").read_text("utf-8") == docs.rules()


def test_an_edited_or_missing_page_is_stale(tmp_path: Path) -> None:
    for name, page in docs.PAGES.items():
        (tmp_path / name).write_text(page(), "utf-8")
    assert docs.stale(tmp_path) == []
    (tmp_path / "rules.zh-CN.md").write_text("改过", "utf-8")
    (tmp_path / "dictionary.zh-CN.md").unlink()
    assert docs.stale(tmp_path) == ["dictionary.zh-CN.md", "rules.zh-CN.md"]


def test_the_dictionary_page_has_every_table_and_column() -> None:
    sections = {part.split("\n", 1)[0]: part for part in docs.dictionary().split("\n### ")}
    for table in (*tables.TABLES.values(), *tables.VIEWS.values()):
        section = sections[table.full_name]
        assert f"- 一行是：{table.grain}" in section
        for column in table.columns:
            assert f"| `{column.name}` | `{column.type}` | {column.zh.replace('|', chr(92) + '|')} |" in section


def test_the_configuration_page_has_every_table_key_and_field() -> None:
    assert tuple(name for name in docs.MODELS if "." not in name) == settings._TABLES
    page = docs.configuration()
    for heading, model in docs.MODELS.values():
        assert f"### {heading}\n" in page
        for name in model().model_fields:
            assert f"| `{name}` |" in page
    for subject in SUBJECTS.values():
        assert f"### {subject.name}：" in page


def test_the_example_configuration_is_good_and_has_every_key(tmp_path: Path) -> None:
    (tmp_path / "gouji.toml").write_text(docs.EXAMPLE, "utf-8")
    made = settings.load(tmp_path / "gouji.toml")
    assert {source.kind for source in made.sources} == {"files", "inbox", "rest", "database"}
    for name, (_, model) in docs.MODELS.items():
        given = list(tables_at([tomllib.loads(docs.EXAMPLE)], name.split(".")))
        assert given and set().union(*given) | EITHER == set(model().model_fields) | EITHER, name


# Of these a source has one or the other.
EITHER = {"path", "inbox", "rest", "database", "token_env", "token_file", "password_env", "password_file", "key_file", "known_hosts"}


def tables_at(tables: list[dict[str, Any]], keys: list[str]) -> Iterator[dict[str, Any]]:
    """The tables of a configuration that stand at a path of names."""
    if not keys:
        yield from tables
    for table in tables if keys else ():
        below = table.get(keys[0], [])
        yield from tables_at(below if isinstance(below, list) else [below], keys[1:])


# ---- the command line -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", list(every(main)), ids=lambda c: str(c.name))
def test_every_command_and_option_says_what_it_does(command: click.Command) -> None:
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts


# ---- what is written by hand ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_is_shown_can_be_typed(page: Path) -> None:
    for program, arguments in shelled(page):
        if program == "gouji":
            verb, rest = split(arguments)
            if verb:
                main.commands[verb].make_context(verb, rest)  # parses and checks, runs nothing


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_is_named_exists(page: Path) -> None:
    for arguments in inline(page, "gouji"):
        verb, rest = split(arguments)
        if verb:
            command = main.commands[verb]
            command.make_parser(click.Context(command)).parse_args(rest)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = [a for program, a in shelled(page) if program == "make"] + list(inline(page, "make"))
    assert {word for arguments in named for word in arguments if "=" not in word} <= targets


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_page_that_is_linked_is_there(page: Path) -> None:
    for target in re.findall(r"[^!]\[[^\]]*\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_both_readmes_show_the_same_commands_in_the_same_order() -> None:
    english, chinese = ([(p, a) for p, a in shelled(page) if p in ("gouji", "make")] for page in READMES)
    assert english == chinese
    assert ("make", ["run"]) in english


def test_both_readmes_have_the_same_sections() -> None:
    english, chinese = (re.findall(r"^#+ ", page.read_text("utf-8"), re.MULTILINE) for page in READMES)
    assert english == chinese
