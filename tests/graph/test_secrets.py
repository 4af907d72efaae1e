"""Tokens and passwords stand in no byte of what nights leave behind, and in no word that a command says, whatever went well or wrong."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import dagster as dg
import duckdb
import inboxes
import live
import pytest
import replay
from building import AGENCY, NAME, good, write
from live import Live
from platforms import demo
from servers import Server, postgresql
from sshd import Sshd, a_user, new_key

# One secret each; every character that some spelling writes otherwise.
SECRETS = {
    "token by variable": 'hush-1/+="\\%41<&>~env',
    "token by file": 'hush-2/+="\\%41<&>~file',
    "password of the database": 'hush-3 p@ss:/wörd#%1"密',
    "password of the inbox": "hush-4 口令/+=\"\\'x",
    "wrong password": "hush-5-wrong/口令+",
}
ENV_TOKEN, FILE_TOKEN, DATABASE, INBOX, WRONG = SECRETS.values()
TOKEN_ENV, PASSWORD_ENV = "GOUJI_TEST_TOKEN", "GOUJI_TEST_DATABASE"


# ---- where a secret may hide ------------------------------------------------------------------------------------------------


def spellings(secret: str) -> set[bytes]:
    """The ways in which a secret may be written: itself, in addresses, in JSON (also in JSON within JSON), in base64 at any place."""
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
    for _ in range(2):
        texts |= {json.dumps(text, ensure_ascii=is_ascii)[1:-1] for text in texts for is_ascii in (True, False)}
    found = {text.encode() for text in texts} | {secret.encode("utf-16-le")}
    for before in range(3):  # what stands before decides which of three ways base64 writes it: Basic user:secret, Bearer secret
        written = base64.b64encode(bytes(before) + secret.encode()).rstrip(b"=")
        core = written[-(-before * 4 // 3) : len(secret.encode() + bytes(before)) * 4 // 3]
        found |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def contents(file: Path) -> Iterator[bytes]:
    """The bytes of a file, and what they hold packed: gzip, the members of a zip or xlsx, the values of DuckDB and Parquet."""
    content = file.read_bytes()
    yield content
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    elif content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(file) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    elif content[:4] == b"PAR1":
        yield from _values(duckdb.connect(), f"FROM read_parquet({_literal(file)})")
    elif content[8:12] == b"DUCK":
        with duckdb.connect(file, read_only=True) as con:
            tables = con.execute("SELECT format('{}.\"{}\"', schema_name, table_name) FROM duckdb_tables()").fetchall()
            for (table,) in tables:
                yield from _values(con, f"FROM {table}")
            yield from _values(con, "SELECT sql FROM duckdb_views()")


def _literal(file: Path) -> str:
    return "'" + str(file).replace("'", "''") + "'"


def _values(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[bytes]:
    rows = con.execute(query)
    while some := rows.fetchmany(10_000):
        yield "\n".join(str(value) for row in some for value in row).encode()


def hits(what: Iterable[tuple[str, bytes]]) -> list[str]:
    """Where a secret stands: name of the secret, name of the place."""
    spelled = [(name, each) for name, secret in SECRETS.items() for each in spellings(secret)]
    return [f"{name} in {place}" for place, content in what for name, each in spelled if each in content]


def below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a folder, and every name."""
    for file in sorted(folder.rglob("*")):
        yield "a name", os.fsencode(file)
        if file.is_file():
            yield from ((str(file.relative_to(folder)), content) for content in contents(file))


@pytest.mark.wide
@pytest.mark.parametrize("secret", SECRETS.values(), ids=[name.replace(" ", "-") for name in SECRETS])
def test_a_secret_is_found_wherever_it_hides(tmp_path: Path, secret: str) -> None:
    authorization = base64.b64encode(f"gouji:{secret}".encode())
    (tmp_path / "plain").write_text(f"token={secret}", "utf-8")
    (tmp_path / "address").write_text(f"https://gouji:{quote(secret, safe='')}@host", "utf-8")
    (tmp_path / "basic").write_bytes(b"Authorization: Basic " + authorization)
    (tmp_path / "json").write_text(json.dumps({"log": json.dumps({"token": f"Bearer {secret}"})}))
    (tmp_path / "log.gz").write_bytes(gzip.compress(secret.encode()))
    with zipfile.ZipFile(tmp_path / "book.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/sharedStrings.xml", secret)
    with duckdb.connect(tmp_path / "w.duckdb") as con:
        con.execute("CREATE SCHEMA raw")
        con.execute("CREATE TABLE raw.told AS SELECT 'x' || i || ? || i AS t FROM range(3000) AS r (i)", [secret])
        con.execute(f"COPY raw.told TO {_literal(tmp_path / 'part.parquet')} (COMPRESSION zstd)")
    assert {hit.rpartition(" in ")[2] for hit in hits(below(tmp_path))} == {f.name for f in tmp_path.iterdir()}


# ---- nights ----------------------------------------------------------------------------------------------------------------


@dataclass
class Bureau:
    """Four sources with a secret each, and everything that commands have said."""

    folder: Path
    platforms: tuple[Any, Any]
    server: Server
    sshd: Sshd
    inbox: Path
    said: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.config, self.var = self.folder / "gouji" / "gouji.toml", self.folder / "gouji" / "var"
        self.config.parent.mkdir()
        self.keep("token", FILE_TOKEN)
        self.keep("password", INBOX)
        shutil.copy(self.sshd.known_hosts, self.config.parent / "known_hosts")
        self.configure()

    def keep(self, name: str, secret: str, mode: int = 0o600) -> None:
        """Write a secret into a file beside the configuration."""
        (self.config.parent / name).write_text(f"{secret}\n", "utf-8")
        (self.config.parent / name).chmod(mode)

    def configure(self, **urls: str) -> None:
        """Write the configuration; `urls` are other addresses of sources."""
        sftp = f"sftp://{self.sshd.user}@127.0.0.1:{self.sshd.port}{self.inbox}"
        url = {"by_env": self.platforms[0].url, "by_file": self.platforms[1].url, "oa": self.server.url(live.READER)} | urls
        once = {"attempts": 1}
        database = {"url": url["oa"], "password_env": PASSWORD_ENV, "tables": {"applications": "v_applications"}}
        sources = [
            Live("by_env", ["penalties"], "rest", {"url": url["by_env"], "token_env": TOKEN_ENV, **once}),
            Live("by_file", ["permits"], "rest", {"url": url["by_file"], "token_file": "token", **once}),
            Live("oa", ["applications"], "database", database | once),
            Live("inbox", ["fees"], "inbox", {"url": sftp, "password_file": "password", "known_hosts": "known_hosts"}),
        ]
        self.config.write_text(live.configuration(AGENCY, NAME, 2023, sources), "utf-8")

    def say(self, *arguments: str) -> int:
        """A command, whose words are kept; its exit code."""
        done = replay.gouji(self.config, *arguments)
        self.said.append((f"what gouji {' '.join(arguments)} says", f"{done.stdout}\n{done.stderr}".encode()))
        return done.returncode

    def night(self, **reasons: str) -> None:
        """A night in which the looks at these sources end for these reasons, and those at the others well."""
        assert self.say("run") == (3 if reasons else 0), self.said[-1][1].decode()
        assert self.say("sources") == self.say("findings", "--format", "json") == 0
        latest = live.ask(self.var, "SELECT source, arg_max(coalesce(reason, ''), load_id) FROM raw.loads GROUP BY ALL")
        assert dict(latest) == {"by_env": "", "by_file": "", "oa": "", "inbox": "", **reasons}

    def logged(self) -> Iterator[tuple[str, bytes]]:
        """What the UI would show of every run."""
        with dg.DagsterInstance.from_config(str(self.var / "dagster")) as instance:
            for run in instance.get_runs():
                yield "a run", dg.serialize_value(run).encode()
                yield from (("a log", dg.serialize_value(event).encode()) for event in instance.all_logs(run.run_id))


def decision(prefix: str, organ: str) -> live.Row:
    """A decision as a platform gives it."""
    return {organ: AGENCY, f"{prefix}_WSH": "P-1", f"{prefix}_JDRQ": "2023-05-01", "JDZT": "有效", "XK_JG": "准予"}


@pytest.fixture
def bureau(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bureau]:
    monkeypatch.setenv(TOKEN_ENV, ENV_TOKEN)
    monkeypatch.setenv(PASSWORD_ENV, DATABASE)
    live.pages(tmp_path / "records", "penalties", [decision("CF", "CF_CFJGDM")])
    live.pages(tmp_path / "records", "permits", [decision("XK", "XK_XKJGDM")])
    with ExitStack() as stack:
        inbox = live.open_folder(stack, "in")
        inboxes.write(write(inbox / "fees" / "fees.csv", [good("fees")]), (inbox / "fees" / "fees.csv").read_bytes())
        server = stack.enter_context(postgresql(live.open_folder(stack, "server") / "server"))
        live.add_reader(server, DATABASE)
        live.fill(server, "applications", list(good("applications")), [good("applications")])
        by_env, by_file = (stack.enter_context(demo().Platform(tmp_path / "records", port=0, token=t)) for t in (ENV_TOKEN, FILE_TOKEN))
        sshd = Sshd(live.open_folder(stack, "sshd") / "home", stack.enter_context(a_user(INBOX)), password=INBOX)
        stack.callback(sshd.stop)
        yield Bureau(tmp_path, (by_env, by_file), server, sshd, inbox)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that nobody has signed, and its key."""
    made = folder / "cert.pem", folder / "key.pem"
    about = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-out", str(made[0]), "-keyout", str(made[1])]
    subprocess.run([*new, *about], check=True, capture_output=True)
    return made


@pytest.mark.wide
@pytest.mark.skipif(os.geteuid() != 0, reason="a user with a password can only be made by root")
def test_no_secret_is_left_or_said(bureau: Bureau, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_env, by_file = bureau.platforms
    bureau.night()
    for arguments in (["publish"], ["tables"], ["versions"], ["ledger", "--rows"], ["sql", "SELECT * FROM audit.cells"], ["--help"]):
        assert bureau.say(*arguments) == 0

    by_env.set_fault("401")
    by_file.set_fault("html")
    bureau.keep("password", WRONG)
    with monkeypatch.context() as patch:
        patch.setenv(PASSWORD_ENV, WRONG)
        bureau.night(by_env="unauthorized", by_file="not_json", oa="unauthorized", inbox="unauthorized")

    by_env.set_fault("redirect_elsewhere")
    bureau.configure(by_file="http://127.0.0.1:1", oa=bureau.server.url(live.READER).replace(f":{bureau.server.admin.port}/", ":1/"))
    bureau.keep("password", INBOX)
    bureau.sshd.stop()
    bureau.night(by_env="redirect_elsewhere", by_file="connection_failed", oa="connection_failed", inbox="connection_failed")
    assert by_env.elsewhere == {"requests": 0, "authorized": 0}

    bureau.sshd.start()
    by_file.set_fault("error_code")
    bureau.server.run("DROP VIEW v_applications")
    (bureau.config.parent / "known_hosts").write_text(bureau.sshd.known(new_key(tmp_path / "other").with_suffix(".pub")))
    with demo().Platform(tmp_path / "records", port=0, token=ENV_TOKEN, tls=certificate(tmp_path)) as behind_tls:
        bureau.configure(by_env=behind_tls.url)
        bureau.night(by_env="tls_error", by_file="error_code", oa="not_found", inbox="host_key_mismatch")
    assert hits([*below(bureau.var), *bureau.said, *bureau.logged()]) == []

    by_env.set_fault("none")
    by_file.set_fault("none")
    bureau.configure()
    shutil.copy(bureau.sshd.known_hosts, bureau.config.parent / "known_hosts")
    bureau.server.run("CREATE VIEW v_applications AS SELECT * FROM applications", f"GRANT SELECT ON v_applications TO {live.READER}")
    bureau.keep("token", FILE_TOKEN, 0o644)
    bureau.keep("password", INBOX, 0o640)
    with monkeypatch.context() as patch:
        patch.delenv(TOKEN_ENV)
        patch.setenv(PASSWORD_ENV, "")
        bureau.night(**dict.fromkeys(("by_env", "by_file", "oa", "inbox"), "no_secret"))
    details = dict(live.ask(bureau.var, "SELECT source, arg_max(detail, load_id) FROM raw.loads GROUP BY ALL"))
    assert TOKEN_ENV in details["by_env"] and PASSWORD_ENV in details["oa"]
    assert "token" in details["by_file"] and "0644" in details["by_file"] and "chmod 600" in details["by_file"]
    assert "password" in details["inbox"] and "0640" in details["inbox"]

    bureau.keep("token", FILE_TOKEN)
    bureau.keep("password", INBOX)
    bureau.night()
    assert hits([*below(bureau.var), *bureau.said, *bureau.logged()]) == []
    kinds = {file.suffix for file in bureau.var.rglob("*") if file.is_file()}
    assert {".duckdb", ".json", ".parquet", ".csv", ".xlsx", ".db"} <= kinds  # there was something to look through
