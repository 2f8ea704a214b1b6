"""Which package indexes the user has configured, and how to reach them.

pip's configuration (files and environment, as ``pip config list`` reports it) comes first, then the index variables
of uv. Nothing is configured here; without any setting the default index of `unearth` is used.
"""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

PIP_SECTIONS = ("global", "download", ":env:")  # a later one overrides an earlier one, as in pip
UV_NAME = re.compile(r"^[\w.-]+=(?=\w+:)")  # uv allows "name=url"


@dataclass(frozen=True)
class Indexes:
    """Places to look for a distribution, and the way there.

    Attributes:
        default: main index; None stands for unearth's own default.
        is_default_used: False when the user asked for no index at all.
        extra: further indexes.
        find_links: folders or pages of files.
        trusted_hosts: hosts whose certificate is not checked.
        proxy: proxy for every request; None leaves it to the usual environment variables.
        certificate: file of certificate authorities; None uses the default ones.
        timeout_s: time without an answer after which a request fails.
    """

    default: str | None = None
    is_default_used: bool = True
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    proxy: str | None = None
    certificate: str | None = None
    timeout_s: float = 60.0


def load_indexes(environment: Mapping[str, str] | None = None) -> Indexes:
    """Read the user's configuration of package indexes."""
    environment = os.environ if environment is None else environment
    pip = _pip_settings(environment)
    uv_default = environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL")
    uv_extra = _words(environment.get("UV_INDEX"), environment.get("UV_EXTRA_INDEX_URL"))
    certificates = (pip.get("cert"), environment.get("REQUESTS_CA_BUNDLE"), environment.get("SSL_CERT_FILE"))
    return Indexes(
        default=pip.get("index-url") or (UV_NAME.sub("", uv_default) if uv_default else None),
        is_default_used=not any(_is_on(setting) for setting in (pip.get("no-index"), environment.get("UV_NO_INDEX"))),
        extra=(*_words(pip.get("extra-index-url")), *(UV_NAME.sub("", url) for url in uv_extra)),
        find_links=(
            *_words(pip.get("find-links")),
            *_words((environment.get("UV_FIND_LINKS") or "").replace(",", " ")),
        ),
        trusted_hosts=(*_words(pip.get("trusted-host")), *_words(environment.get("UV_INSECURE_HOST"))),
        proxy=pip.get("proxy") or None,
        certificate=next((path for path in certificates if path), None),
        timeout_s=float(pip.get("timeout") or pip.get("default-timeout") or 60.0),
    )


def parse_pip_settings(listing: str) -> dict[str, str]:
    """Merge the lines of ``pip config list`` (``section.name='value'``) in pip's order of precedence."""
    found: dict[str, dict[str, str]] = {section: {} for section in PIP_SECTIONS}
    for line in listing.splitlines():
        setting, _, value = line.partition("=")
        section, _, name = setting.rpartition(".")
        if section in found and value.startswith(("'", '"')):
            found[section][name] = str(ast.literal_eval(value))
    return {name: value for section in PIP_SECTIONS for name, value in found[section].items()}


def _pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    if importlib.util.find_spec("pip") is not None:
        listing = subprocess.run(
            [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"],
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if listing.returncode == 0:
            return parse_pip_settings(listing.stdout)
    return {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in environment.items()
        if name.startswith("PIP_")
    }


def _words(*settings: str | None) -> tuple[str, ...]:
    return tuple(word for setting in settings if setting for word in setting.split())


def _is_on(setting: str | None) -> bool:
    return (setting or "").lower() in {"1", "true", "yes", "on"}
