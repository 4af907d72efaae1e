"""Secrets: tokens and passwords, read where a run needs them and shown nowhere.

Belongs here: reading an environment variable or a file that its owner alone may read. Does not belong here: which source needs which
(`connectors`), how one is sent (`assets.sources`).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from assets.sources.connector import Incomplete, Secret


def secret(variable: str, file: str, folder: Path) -> Secret | None:
    """The secret in an environment variable, or in a file below `folder` with mode 0600 or less; None where neither is configured.

    Raises:
        Incomplete: `no_secret`; names the variable or the file and what to do.
    """
    if variable:
        value = os.environ.get(variable, "").strip()
        if not value:
            raise Incomplete("no_secret", f"环境变量 {variable} 没有值，无法登录；请在运行 gouji 的环境中设好。")
        return Secret(value)
    return Secret(_content(folder / file).strip()) if file else None


def private_file(file: str, folder: Path) -> Path:
    """A file that holds a key.

    Raises:
        Incomplete: `no_secret`; it cannot be read, or others may read it.
    """
    _content(folder / file)
    return folder / file


def _content(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise Incomplete(
                    "no_secret", f"密钥文件 {path.name} 的权限是 {mode:04o}，别人也能读；请用 chmod 600 改过，并换掉已可能泄露的密钥。"
                )
            text = file.read()
    except (OSError, UnicodeDecodeError):
        raise Incomplete("no_secret", f"密钥文件 {path.name} 读不出；请检查它是否存在、运行 gouji 的用户能否读取。") from None
    if not text.strip():
        raise Incomplete("no_secret", f"密钥文件 {path.name} 是空的；请写入密钥。")
    return text
