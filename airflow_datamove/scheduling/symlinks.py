"""No symlink leads out of a tenant's folder: :func:`refuse_symlinks`.

What a tenant may write it may also fill with links. Addresses are compared as text; on a disk and on an SFTP server the
directories of a path may be links all the same. Links that a listing finds are never followed. Who can make a link
between this look and the copy can still win that race: give tenants who have a shell there a user of their own.
"""

from __future__ import annotations

from collections.abc import Iterable

from airflow_datamove.address import Address
from airflow_datamove.errors import NotFound, Refused
from airflow_datamove.stores.contract import Kind, Store
from airflow_datamove.transfer.glob import split_glob

_WITH_LINKS = frozenset({"file", "sftp"})
"""Object stores have none, and HDFS has them switched off (HADOOP-10019)."""


def may_have_symlinks(address: Address) -> bool:
    """Whether the directories of an address may be links."""
    return address.scheme in _WITH_LINKS


def refuse_symlinks(store: Store, address: Address, prefixes: Iterable[str], *, source: bool) -> None:
    """Looks at each directory of an address below the tenant's folder.

    :param prefixes: the folders that the tenant may use; outside all of them nothing is looked at.
    :param source: the address may be a glob, of which the directories before it are looked at.
    :raises Refused: if one is a link.
    """
    allowed = [Address.parse(prefix).path.rstrip("/") for prefix in prefixes if str(address).startswith(prefix)]
    if not allowed:
        return
    path = split_glob(address.path)[0] if source else address.path
    at = min(allowed, key=len)
    for segment in [each for each in path[len(at) :].split("/") if each]:
        at = f"{at}/{segment}"
        try:
            kind = store.stat(at).kind
        except NotFound:
            return
        if kind is Kind.SPECIAL:
            raise Refused(f"{address}: {at} is a link, and may lead anywhere", remedy="Name what it leads to")
