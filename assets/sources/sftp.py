"""The tree of folders behind SFTP: the server proves itself by its key, nothing is written, no link is followed.

Belongs here: reaching the server, its answers as a `Tree`, its errors as codes. Does not belong here: which of its files are complete
(`inbox.py`), where password and key are configured (`pipelines`).

`sshfs` (fsspec over asyncssh) connects; fsspec's own SFTP takes any host key. Files are asked for over a channel of asyncssh itself, as
fsspec has no way to ask about a link without following it.
"""

from __future__ import annotations

import asyncio
import errno
import io
import os
import stat
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast
from urllib.parse import unquote, urlsplit

import asyncssh
from fsspec.asyn import sync  # type: ignore[import-untyped]
from sshfs import SSHFileSystem  # type: ignore[import-untyped]
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from assets.sources.connector import Incomplete, Secret
from assets.sources.tree import Entry, Opened, kind_of

_BLOCK = 256 * 1024  # one answer within the timeout: 13 KB/s are enough
_ATTEMPTS = 3
_T = TypeVar("_T")

_LOST = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError, asyncssh.ChannelOpenError, ConnectionError)
_TOLD = {
    "connection_failed": "连不上 SFTP 服务器；请检查地址、端口和网络，或请对方确认服务已开启。",
    "host_key_mismatch": "SFTP 服务器的公钥与 known_hosts 文件中登记的不一致，没有登录；请向对方核实，确认后再更新登记。",
    "unauthorized": "SFTP 服务器不接受配置的用户名、密钥或密码；请核对后更新配置。",
    "not_found": "SFTP 服务器上没有配置的文件夹，或账号看不到它；请核对地址中的路径。",
    "timeout": "SFTP 服务器没有在限定时间内答复；本次没有读取，请检查网络后再试。",
    "connection_lost": "与 SFTP 服务器的连接中断；本次没有读完，下次会重新读取。",
}


def address(url: str) -> tuple[str, int, str, str]:
    """Host, port, user and folder of `sftp://user@host[:port]/folder`.

    Raises:
        ValueError: it is no such address; a Chinese sentence without the address, which may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 22
    except ValueError:
        raise ValueError("SFTP 地址写错了；请写成 sftp://用户@主机[:端口]/文件夹") from None
    if parts.password is not None:
        raise ValueError("SFTP 地址里不能写密码；请用环境变量给出密码，或用私钥文件")
    if parts.scheme != "sftp" or not parts.hostname or not parts.username or not parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("不是 SFTP 地址；请写成 sftp://用户@主机[:端口]/文件夹，路径中的 # 和 ? 写成 %23 和 %3F")
    return parts.hostname, port, unquote(parts.username), unquote(parts.path)


@dataclass(frozen=True, slots=True)
class Login:
    """Where the files lie and who asks. Either `key`, a private key file for its owner alone and without passphrase, or `password`."""

    host: str
    port: int
    user: str
    folder: str
    known_hosts: Path
    key: Path | None = None
    password: Secret | None = None

    def __post_init__(self) -> None:
        if (self.key is None) == (self.password is None):
            raise ValueError("请在私钥文件和密码中填写一个，且只填一个")

    @classmethod
    def of(cls, url: str, known_hosts: Path, key: Path | None = None, password: Secret | None = None) -> Login:
        """The login of `sftp://user@host[:port]/folder`.

        Raises:
            ValueError: it is no such address; a Chinese sentence without the address, which may hold a password.
        """
        host, port, user, folder = address(url)
        return cls(host, port, user, folder, known_hosts, key, password)


@dataclass(frozen=True, slots=True)
class _Session:
    system: Any  # SSHFileSystem, which has no types
    channel: asyncssh.SFTPClient
    root: str


class SftpTree:
    """A folder of an SFTP server (see `Tree`), connected when it is first asked; `close` lets go of the connection.

    No component of a path below the root is a link when it is asked about, and again when a file was read. In between the server could
    swap one in: SFTP has no way to open without following. What such a link could reach is what the account may read there anyway.

    Args:
        login: The server, the folder, who asks.
        timeout: Seconds within which each single answer must come.
    """

    def __init__(self, login: Login, timeout: float = 20.0) -> None:
        self._login = login
        self._timeout = timeout
        self._session: _Session | None = None
        self._release: Callable[[], object] = lambda: None

    def entries(self, folder: str) -> list[Entry]:
        """See `Tree`."""

        async def ask(session: _Session) -> list[Entry]:
            await _assert_unlinked(session, folder, "folder")
            return [_entry(name) for name in await session.channel.readdir(_below(session, folder)) if name.filename not in (".", "..")]

        return self.ask(ask)

    def open(self, path: str) -> Opened:
        """See `Tree`."""

        async def ask(session: _Session) -> _Remote:
            await _assert_unlinked(session, path, "file")
            file = await session.channel.open(_below(session, path), "rb")
            attributes = await file.stat()
            return _Remote(self, session, path, file, attributes.size or 0)

        return self.ask(ask)

    def leads_outside(self, path: str) -> bool:
        """See `Tree`."""

        async def ask(session: _Session) -> bool:
            real = str(await session.channel.realpath(_below(session, path)))
            return not f"{real}/".startswith(session.root.rstrip("/") + "/")

        try:
            return self.ask(ask)
        except OSError:  # it leads nowhere
            return False

    def now_ns(self) -> int:
        """The time here: SFTP does not tell the server's, which must be kept right as well."""
        return time.time_ns()

    def close(self) -> None:
        """See `Tree`."""
        self._session = None
        self._release()

    # ---- asking -----------------------------------------------------------------------------------------------------------

    def ask(self, ask: Callable[[_Session], Awaitable[_T]], session: _Session | None = None) -> _T:
        """What the server says to a question, asked in this session, else in whichever there is.

        Raises:
            OSError: it says no.
            Incomplete: it says nothing; the session is over then.
        """
        if session is None:
            session = self._session = self._session or self._connected()
        try:
            answer: _T = sync(session.system.loop, ask, session, timeout=self._timeout)
        except TimeoutError:
            self.close()
            raise _incomplete("timeout") from None
        except _LOST:
            self.close()
            raise _incomplete("connection_lost") from None
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None
        except asyncssh.SFTPPermissionDenied:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None
        except asyncssh.SFTPError as error:  # its text may hold a path
            raise OSError(errno.EIO, f"SFTP {type(error).__name__}") from None
        return answer

    # ---- connecting -------------------------------------------------------------------------------------------------------

    def _connected(self) -> _Session:
        """A session; a server that cannot be reached is tried again, one that refuses is not."""
        again = retry_if_exception(lambda error: isinstance(error, Incomplete) and error.reason == "connection_failed")
        session = Retrying(stop=stop_after_attempt(_ATTEMPTS), wait=wait_exponential(0.5, max=4), retry=again, reraise=True)(self._connect)
        self._release = weakref.finalize(self, _abort, session.system)  # also when nobody closes: sshfs waits for the garbage collector
        return session

    def _connect(self) -> _Session:
        login = self._login
        with _connecting(login):
            system = SSHFileSystem(
                login.host,
                port=login.port,
                username=login.user,
                password=login.password.reveal() if login.password else None,
                client_keys=[_private_key(login.key)] if login.key else None,
                known_hosts=_known_hosts(login),
                # Nothing but what is configured: no agent, no ticket, no file in the home folder of whoever runs this.
                config=None, agent_path=None, gss_host=None, client_host_keys=None,
                connect_timeout=self._timeout,
                timeout=self._timeout + 5,
                skip_instance_cache=True,  # the cache of fsspec would keep password and connection for ever
            )  # fmt: skip
            try:
                channel = sync(system.loop, system.client.start_sftp_client, path_errors="surrogateescape", timeout=self._timeout)
                root = sync(system.loop, _root, channel, login.folder, timeout=self._timeout)
            except BaseException:
                _abort(system)
                raise
        return _Session(system, channel, root)


def _abort(system: Any) -> None:
    """Drop a connection at once: nothing is ever written that could be lost."""
    with suppress(RuntimeError):  # the loop has ended
        system.loop.call_soon_threadsafe(system.client.abort)


async def _root(channel: asyncssh.SFTPClient, folder: str) -> str:
    """The folder, which may itself be a link: it is configuration."""
    root = await channel.realpath(folder)
    attributes = await channel.stat(root)
    if not stat.S_ISDIR(attributes.permissions or 0):
        raise asyncssh.SFTPNoSuchPath("")
    return str(root)


@contextmanager
def _connecting(login: Login) -> Iterator[None]:
    try:
        yield
    except asyncssh.HostKeyNotVerifiable:
        raise _incomplete("host_key_mismatch") from None
    except (asyncssh.PermissionDenied, PermissionError):
        raise _incomplete("unauthorized") from None
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPPermissionDenied):
        raise _incomplete("not_found") from None
    except TimeoutError:
        raise _incomplete("timeout") from None
    except (asyncssh.Error, ConnectionResetError, ConnectionAbortedError, BrokenPipeError):  # it has no key of a known kind, say
        detail = "SFTP 服务器在登录之前中断了连接；请检查地址和端口，以及 known_hosts 中登记的公钥种类是否还是服务器在用的。"
        raise Incomplete("connection_failed", detail) from None
    except OSError:
        raise _incomplete("connection_failed") from None


def _incomplete(reason: str) -> Incomplete:
    return Incomplete(reason, _TOLD[reason])


def _private_key(file: Path) -> asyncssh.SSHKey:
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise Incomplete("unauthorized", "SFTP 私钥文件的权限太宽，别人也能读；请改为只有运行程序的账号可读（chmod 600）。")
        return asyncssh.read_private_key(file)
    except OSError:
        raise Incomplete("unauthorized", "SFTP 私钥文件读不了；请检查配置中的路径和文件权限。") from None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        raise Incomplete("unauthorized", "SFTP 私钥文件不是能用的私钥（格式不对，或设了口令）；请换成没有口令的 OpenSSH 私钥。") from None


def _known_hosts(login: Login) -> Any:
    """What is known of the server; never nothing, which asyncssh takes for “any key will do”."""
    try:
        known = asyncssh.read_known_hosts(str(login.known_hosts))
        keys, authorities, *_ = asyncssh.match_known_hosts(known, login.host, "", login.port)
    except (OSError, ValueError):
        raise Incomplete("host_key_mismatch", "known_hosts 文件读不了，无法核实 SFTP 服务器；请检查文件的路径、权限和内容。") from None
    if not keys and not authorities:
        raise Incomplete("host_key_mismatch", "known_hosts 文件里没有这台 SFTP 服务器的公钥，没有登录；请向对方核实公钥后登记。")
    return known


async def _assert_unlinked(session: _Session, path: str, kind: str) -> None:
    parts = path.split("/") if path else []
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    prefixes = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    status = await asyncio.gather(*(session.channel.lstat(_below(session, prefix)) for prefix in prefixes))
    kinds = [kind_of(each.permissions or 0) for each in status]
    if kinds == ["folder"] * (len(parts) - 1) + [kind][: len(parts)]:
        return
    code = errno.ELOOP if "link" in kinds else errno.EISDIR if kinds[-1] == "folder" else errno.ENOTDIR
    raise OSError(code, os.strerror(code))


def _below(session: _Session, path: str) -> str:
    return f"{session.root.rstrip('/')}/{path}" if path else session.root


def _entry(name: asyncssh.SFTPName) -> Entry:
    return Entry(str(name.filename), kind_of(name.attrs.permissions or 0), name.attrs.size or 0, _mtime_ns(name.attrs))


def _mtime_ns(attributes: asyncssh.SFTPAttrs) -> int:
    return int(attributes.mtime or 0) * 1_000_000_000  # whole seconds are all that this version of the protocol tells


class _Blocks(io.RawIOBase):
    """The bytes of a remote file, a block at a time."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._read, self._size, self._at = read, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if at < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = at
        return at

    def readinto(self, buffer: Any) -> int:
        block = self._read(min(len(buffer), _BLOCK), self._at)
        buffer[: len(block)] = block
        self._at += len(block)
        return len(block)


class _Remote:
    """A remote file that is open, in the session in which it was opened."""

    def __init__(self, tree: SftpTree, session: _Session, path: str, file: asyncssh.SFTPClientFile, size: int) -> None:
        self._tree, self._session, self._path, self._file = tree, session, path, file
        self._stream = io.BufferedReader(_Blocks(self._read, size), _BLOCK)

    @property
    def stream(self) -> BinaryIO:
        return self._stream

    def status(self) -> tuple[int, int]:
        async def ask(session: _Session) -> tuple[int, int]:
            await _assert_unlinked(session, self._path, "file")
            attributes = await self._file.stat()
            return attributes.size or 0, _mtime_ns(attributes)

        return self._tree.ask(ask, self._session)

    def close(self) -> None:
        with suppress(Incomplete, OSError):  # the server closes it with the session
            self._tree.ask(lambda _: self._file.close(), self._session)

    def _read(self, size: int, offset: int) -> bytes:
        return cast(bytes, self._tree.ask(lambda _: self._file.read(size, offset), self._session))
