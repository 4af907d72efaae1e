"""One request to a platform: sent until it brings a page or is refused, over one connection that is kept.

Belongs here: connection, token, redirects, deadlines, retries. Does not belong here: what a page says (`rest_page.py`), whether the
pages are whole (`rest.py`), the sentences of refusal (`rest_trouble.py`).
"""

from __future__ import annotations

import logging
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from assets.sources.connector import Secret
from assets.sources.rest_trouble import Trouble
from warehouse.clock import SHANGHAI

# httpx logs every address with its parameters, which are nobody's business.
logging.getLogger("httpx").setLevel(logging.WARNING)

T = TypeVar("T")

_HOPS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LABEL = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How requests are made. Times are in seconds.

    `timeout` bounds each wait for the platform, `deadline` a request from its start to its last byte. A request is tried `attempts`
    times; between them is a pause of `backoff`, doubled each time, with jitter, or what the platform asks for, `longest_wait` at most.
    `interval` lies between the starts of any two requests. TLS is always verified, by `ca_file` alone if there is one.
    """

    token: Secret | None = None
    token_header: str = "Authorization"
    token_scheme: str = "Bearer"
    timeout: float = 30
    deadline: float = 120
    attempts: int = 5
    backoff: float = 1
    longest_wait: float = 120
    interval: float = 0
    max_page_bytes: int = 64 << 20
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came with a page: the clock of the platform (in Asia/Shanghai), None where it tells none, and the charset it names."""

    sent_at: datetime | None
    charset: str | None


class Line:
    """The connection to one platform; to be used in a `with` statement.

    Raises:
        Trouble: `bad_token`, or `tls_error` when the CA file cannot be used.
    """

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._started = float("-inf")
        self._wire: socket.socket | None = None  # a second handle of the connection, to cut it from another thread
        self._is_late = False
        self._client = httpx.Client(
            headers={"User-Agent": f"gouji/{version('gouji')}", "Accept": "application/json"} | _token(manner),
            verify=_trusted(manner.ca_file),
            timeout=manner.timeout,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=60),
            trust_env=False,  # neither a proxy nor a password of whoever starts the job
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()
        if self._wire:
            self._wire.close()

    def ask(self, url: httpx.URL, file: Path, read: Callable[[Answer], T]) -> T:
        """Get a page into `file` and read it, again and again while it makes sense; what `read` returns.

        Raises:
            Trouble: of the last try, or of `read`.
        """
        return retrying(self._manner, self._manner.attempts, lambda trouble: trouble.again)(lambda: read(self._get(url, file)))

    def _get(self, url: httpx.URL, file: Path) -> Answer:
        self._keep_interval()
        with self._deadline():
            try:
                return self._follow(url, file)
            except httpx.HTTPError as error:
                trouble = self._named(error)
        raise trouble

    def _keep_interval(self) -> None:
        time.sleep(max(0.0, self._started + self._manner.interval - time.monotonic()))
        self._started = time.monotonic()

    def _named(self, error: httpx.HTTPError) -> Trouble:
        if self._is_late:
            return Trouble("too_slow", again=True, seconds=self._manner.deadline)
        if isinstance(error, httpx.TimeoutException):
            return Trouble("timeout", again=True, how=f"{self._manner.timeout:g} 秒")
        if isinstance(error, httpx.ConnectError) and _is_distrust(error):
            return Trouble("tls_error")
        if isinstance(error, httpx.DecodingError):
            return Trouble("truncated_json", again=True)
        return Trouble("connection_failed", again=True)

    def _follow(self, url: httpx.URL, file: Path) -> Answer:
        """The page at this address or where it leads to; the token goes to no other origin."""
        for _ in range(_HOPS + 1):
            with self._client.stream("GET", url, extensions={"trace": self._remember}) as response:
                if response.status_code not in _REDIRECTS:
                    _check_status(response)
                    self._save(response, file)
                    return Answer(_instant(response.headers.get("Date")), _charset(response))
                url = _next(url, response)
        raise Trouble("too_many_redirects", hops=_HOPS)

    def _save(self, response: httpx.Response, file: Path) -> None:
        size, limit = 0, self._manner.max_page_bytes
        with file.open("wb") as writing:
            try:
                for chunk in response.iter_bytes():
                    size += len(chunk)
                    if size > limit:
                        raise Trouble("page_too_large", limit=limit)
                    writing.write(chunk)
            except httpx.RemoteProtocolError:
                if self._is_late:
                    raise
                raise Trouble("truncated_json", again=True) from None

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        """Cut the connection when the time is over: a trickle of bytes, in head or body, runs into no timeout of a read."""
        self._is_late = False
        timer = Timer(self._manner.deadline, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # it may be cutting; the next request must not be hit

    def _cut(self) -> None:
        self._is_late = True
        if self._wire:
            with suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)

    def _remember(self, event: str, info: Mapping[str, Any]) -> None:
        if event != "connection.connect_tcp.complete":
            return
        before, self._wire = self._wire, info["return_value"].get_extra_info("socket").dup()
        if before:
            before.close()
        if self._is_late:
            self._cut()


def retrying(manner: Manner, attempts: int, is_worth: Callable[[Trouble], bool]) -> Retrying:
    """Something that calls again and again, with pauses, while the trouble is worth it; the last one goes through."""
    backoff = wait_exponential_jitter(multiplier=manner.backoff, max=manner.longest_wait, jitter=manner.backoff)

    def wait(state: RetryCallState) -> float:
        trouble = state.outcome.exception() if state.outcome else None
        asked = trouble.wait if isinstance(trouble, Trouble) else 0
        return max(backoff(state), min(asked, manner.longest_wait))

    worth = retry_if_exception(lambda error: isinstance(error, Trouble) and is_worth(error))
    return Retrying(stop=stop_after_attempt(attempts), wait=wait, retry=worth, reraise=True)


def _token(manner: Manner) -> dict[str, str]:
    if manner.token is None:
        return {}
    value = " ".join(filter(None, (manner.token_scheme, manner.token.reveal())))
    if not re.fullmatch(r"[!-~]+( [!-~]+)?", value) or not re.fullmatch(r"[!#-'*+.^_`|~0-9A-Za-z-]+", manner.token_header):
        raise Trouble("bad_token")  # here, because httpx would quote the header
    return {manner.token_header: value}


def _trusted(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return _public()
    with suppress(OSError):  # of which the errors of ssl are
        return ssl.create_default_context(cafile=ca_file)
    raise Trouble("tls_error", "配置中的 CA 证书文件打不开，或不是 PEM 格式的证书；请检查该文件。")


@cache
def _public() -> ssl.SSLContext:
    """Trust in the public authorities, whose many certificates take long to read."""
    return httpx.create_ssl_context(trust_env=False)


def _is_distrust(error: BaseException) -> bool:
    """Whether a connection failed because of its TLS; a peer that just hung up may do better next time."""
    cause: BaseException | None = error
    while cause and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError)


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    if status in (408, 425):
        raise Trouble("timeout", again=True, how=f"HTTP {status}")
    if status == 429:
        raise Trouble("rate_limited", again=True, wait=_asked_wait(response))
    if status >= 500:
        raise Trouble("server_error", again=True, wait=_asked_wait(response), status=status)
    reason = {401: "unauthorized", 403: "forbidden", 404: "not_found", 410: "not_found"}.get(status, "bad_request")
    raise Trouble(reason, status=status)


def _asked_wait(response: httpx.Response) -> float:
    """Seconds of Retry-After, which may be a moment by the clock of the platform; 0 where it is absent or unreadable."""
    asked = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", asked):
        return float(asked)
    moment = _instant(asked)
    if moment is None:
        return 0
    return max(0.0, (moment - (_instant(response.headers.get("Date")) or datetime.now(UTC))).total_seconds())


def _instant(date: str | None) -> datetime | None:
    """A date of HTTP as an instant in Asia/Shanghai, None where it is absent or unreadable."""
    try:
        moment = parsedate_to_datetime(date or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(SHANGHAI)
    except (ValueError, OverflowError):
        return None


def _charset(response: httpx.Response) -> str | None:
    found = _LABEL.search(response.headers.get("Content-Type", ""))
    return found[1].lower() if found else None


def _next(url: httpx.URL, response: httpx.Response) -> httpx.URL:
    """Where a redirect of the same origin leads to."""
    elsewhere = Trouble("redirect_elsewhere", status=response.status_code)
    try:
        target = url.join(response.headers.get("Location", ""))
    except (httpx.InvalidURL, ValueError):
        raise elsewhere from None
    if target.userinfo or _origin(target) != _origin(url):
        raise elsewhere
    return target


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
