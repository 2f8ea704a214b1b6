"""How the file of one pinned distribution is found on the user's indexes and downloaded.

`unearth` does what pip's index code does: simple pages, folders of files, credentials, yanked releases. Python version
and platform tags are ignored, because the file is an archive here, and no setup code is run.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from transferkit.catalogue.entry import Distribution
from transferkit.catalogue.indexes import Indexes
from transferkit.errors import InputError, StoreError

if TYPE_CHECKING:
    from ssl import SSLContext

    from unearth import Link, PackageFinder
    from unearth.fetchers import Fetcher

ATTEMPTS = 3
NOT_FOUND = "(404)"
Report = Callable[[int, int | None], None]


@contextmanager
def open_client(indexes: Indexes) -> "Iterator[Fetcher]":
    """Open a connection that follows the user's proxy, certificate and credential settings.

    Raises:
        InputError: the file of certificate authorities cannot be read.
    """
    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers import PyPIClient

    urls = [url for url in (indexes.default, *indexes.extra) if url]
    with PyPIClient(
        trusted_hosts=indexes.trusted_hosts,
        verify=_authorities(indexes.certificate) if indexes.certificate else True,
        proxy=indexes.proxy,
        timeout=indexes.timeout_s,
        follow_redirects=True,
        auth=MultiDomainBasicAuth(prompting=False, index_urls=urls),
    ) as client:
        yield cast("Fetcher", client)  # the same calls, with wider types


def download(distribution: Distribution, folder: Path, *, indexes: Indexes, client: "Fetcher", report: Report) -> Path:
    """Return a file with the pinned sha256: downloaded into `folder`, or lying in a local index already.

    Raises:
        StoreError: no index offers it, what they offer has other bytes, or none can be reached.
    """
    trouble: list[str] = []
    for link in _iter_links(distribution, indexes, client, trouble):
        if (
            path := _try_link(link, distribution.sha256, folder, client=client, report=report, trouble=trouble)
        ) is not None:
            return path
    requirement = distribution.requirement
    if trouble:
        raise StoreError(
            f"{requirement} cannot be downloaded: {'; '.join(dict.fromkeys(trouble))}",
            fix="check network, proxy and package index (pip config list), then try again; a file whose sha256 differs "
            "from the catalogue's is never used",
        )
    raise StoreError(
        f"{requirement} is not offered (any more) by the configured package indexes",
        fix="check the index settings (pip config list); if the package has left the index, do without it",
    )


def _authorities(certificate: str) -> "SSLContext":
    import ssl

    try:
        return ssl.create_default_context(cafile=certificate)
    except OSError as error:
        raise InputError(
            f"the file of certificate authorities {certificate} cannot be read: {error}",
            fix="correct pip's setting cert (pip config list), REQUESTS_CA_BUNDLE or SSL_CERT_FILE",
        ) from error


def _iter_links(
    distribution: Distribution, indexes: Indexes, client: "Fetcher", trouble: list[str]
) -> "Iterator[Link]":
    import httpx2

    for name, finder in _iter_finders(distribution, indexes, client, trouble):
        try:
            with _warnings_into(trouble):
                found = list(finder.find_matches(distribution.requirement, allow_yanked=True, allow_prereleases=True))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            trouble.append(_redact(f"{name}: {error}"))
            continue
        yield from (package.link for package in found)


class _Listener(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        if NOT_FOUND not in (message := record.getMessage()):  # an index without the package is no trouble
            self.heard.append(_redact(message))


@contextmanager
def _warnings_into(trouble: list[str]) -> Iterator[None]:
    """Collect what unearth only logs: a page that answers with an error, a host that is not trusted."""
    logger, listener = logging.getLogger("unearth.collector"), _Listener(trouble)
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)


def _redact(message: str) -> str:
    """Hide user name and password of an address."""
    return re.sub(r"//[^/@\s]+@", "//***@", message)


def _iter_finders(
    distribution: Distribution, indexes: Indexes, client: "Fetcher", trouble: list[str]
) -> "Iterator[tuple[str, PackageFinder]]":
    """One finder for each place, folders first: a place that cannot be reached must not hide the others."""
    from unearth import Link, PackageFinder

    make = partial(
        PackageFinder,
        session=client,
        ignore_compatibility=True,
        no_binary=[":all:"] if distribution.kind == "sdist" else [],
        only_binary=[":all:"] if distribution.kind == "wheel" else [],
    )
    for place in indexes.find_links:
        if "://" not in place and not Path(place).exists():
            trouble.append(f"{place}: no such folder")
            continue
        finder = make(find_links=[place])
        yield place if "://" not in place else Link(place).redacted, finder
    default = [indexes.default] if indexes.is_default_used else []
    for url in (*default, *(indexes.extra if indexes.is_default_used else ())):
        urls = [] if url is None else [url]  # none at all: unearth's default index
        finder = make(index_urls=urls)
        yield Link(finder.sources[0]["url"]).redacted, finder


def _try_link(
    link: "Link", sha256: str, folder: Path, *, client: "Fetcher", report: Report, trouble: list[str]
) -> Path | None:
    import httpx2
    from unearth.errors import HashMismatchError, UnpackError
    from unearth.preparer import download_link

    advertised = (link.hash_option or {}).get("sha256", [sha256])
    if sha256 not in advertised:
        trouble.append(f"{link.filename} is offered with another sha256")
        return None
    for attempt in range(ATTEMPTS):
        try:
            return download_link(
                client, link, folder, {"sha256": [sha256]}, lambda link, completed, total: report(completed, total)
            )
        except HashMismatchError:
            trouble.append(f"{link.filename} has another sha256")
            return None
        except (httpx2.HTTPError, UnpackError) as error:
            if attempt == ATTEMPTS - 1:
                trouble.append(_redact(f"{link.filename}: {error}"))
    return None
