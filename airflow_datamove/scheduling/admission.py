"""May it? A sound request against its tenant's limits, and a sound folder against itself.

The generator and ``datamove lint`` ask it of what is written; Airflow's REST API asks it of every posted request (by
the cluster policy); the operators ask it again once templates are rendered, before a byte moves.
"""

from __future__ import annotations

from airflow_datamove.address import Address
from airflow_datamove.distcp.options import check_properties
from airflow_datamove.errors import PathConflict, Refused, WrongUse
from airflow_datamove.scheduling.copy_options import options_of
from airflow_datamove.scheduling.limits import Limits, lanes_up_to, limits_of
from airflow_datamove.scheduling.links import slots_of
from airflow_datamove.spec.fields import LANES
from airflow_datamove.spec.folder import Folder, TenantFolder
from airflow_datamove.spec.mistakes import Problem, did_you_mean
from airflow_datamove.spec.platform import Platform
from airflow_datamove.spec.request import CopyRequest
from airflow_datamove.spec.templates import before_templates, has_template
from airflow_datamove.transfer.path_rule import refuse_overlap


def admit(request: CopyRequest, limits: Limits, *, lane: str | None = None) -> None:
    """Lets a request in.

    :param lane: the lane of the DAG that it was posted to, if it has one.
    :raises Refused: naming every reason, with its remedy.
    """
    found = refusals(request, limits, lane=lane)
    if found:
        raise Refused("; ".join(f"{each.message}. {each.remedy}" if each.remedy else each.message for each in found))


def refusals(
    request: CopyRequest, limits: Limits, *, lane: str | None = None, templates: bool = False
) -> list[Problem]:
    """Everything that speaks against a request.

    :param templates: the addresses are still to be rendered; see :func:`within`.
    """
    found = []
    if not within(request.source, limits.read, templates=templates):
        found.append(_outside("source", request.source, "read", limits.read, limits.tenant))
    if not within(request.destination, limits.write, templates=templates):
        found.append(_outside("destination", request.destination, "write", limits.write, limits.tenant))
    if request.manifest and not within(request.manifest, limits.read, templates=templates):
        found.append(_outside("manifest", request.manifest, "read", limits.read, limits.tenant))
    if request.receipt and not within(request.receipt, limits.write, templates=templates):
        found.append(_outside("receipt", request.receipt, "write", limits.write, limits.tenant))
    try:
        options_of(request)
    except WrongUse as error:
        found.append(Problem((), error.message, error.remedy))
    wanted = request.lane or lane or "normal"
    if wanted in LANES and wanted not in lanes_up_to(limits.max_lane):
        allowed = ", ".join(lanes_up_to(limits.max_lane))
        found.append(
            Problem(
                ("lane",), f"the lane {wanted!r} is above max_lane of tenant {limits.tenant!r}", f"Allowed: {allowed}"
            )
        )
    elif lane and request.lane and request.lane != lane:
        right = f"{limits.tenant}.copy.{request.lane}"
        found.append(Problem(("lane",), f"this is the lane {lane!r}, not {request.lane!r}", f"Post it to {right}"))
    if not templates and (overlap := _overlap(request)):
        found.append(overlap)
    pool = limits.clamp_slots(limits.max_slots, distcp=request.route == "distcp", lane=wanted)
    if request.route in ("worker", "distcp") and request.slots and pool < request.slots <= limits.max_slots:
        found.append(
            Problem(("slots",), f"{request.slots} slots are more than its pool has", f"Ask for at most {pool}")
        )
    if request.slots is not None and request.slots > limits.max_slots:
        found.append(
            Problem(
                ("slots",),
                f"{request.slots} slots are more than max_slots of tenant {limits.tenant!r}",
                f"Ask for at most {limits.max_slots}",
            )
        )
    if request.route == "distcp" and not limits.hadoop:
        found.append(Problem(("route",), "there is no Hadoop cluster", "Declare hadoop: in platform.yaml"))
    return found


def within(text: str, prefixes: tuple[str, ...], *, templates: bool = False) -> bool:
    """True if an address lies in one of the folders.

    :param templates: the text is a pipeline's and may hold Jinja templates: then it is enough that it *can* come to lie
        in one of them, and the operator asks again with what was rendered. A posted address is never rendered: there
        braces are a glob, which could reach into another tenant's folder.
    :raises AddressError: if it is no address.
    """
    if templates and has_template(text):
        fixed = before_templates(text)
        return any(_inside(fixed, prefix) or prefix.startswith(fixed) for prefix in prefixes)
    return any(_inside(str(Address.parse(text)), prefix) for prefix in prefixes)


def _inside(text: str, prefix: str) -> bool:
    return text.startswith(prefix) or text == prefix.rstrip("/")


def check_folder(folder: Folder) -> Folder:
    """Drops what is not allowed from a folder that was read, and adds a mistake for each."""
    from airflow_datamove.scheduling.pipeline_rules import check_pipelines  # they ask the functions above

    if folder.platform is None:
        folder.tenants.clear()
        return folder
    if folder.platform.hadoop and folder.platform_document:
        try:
            check_properties(folder.platform.hadoop.properties)
        except WrongUse as error:
            path = ("hadoop", "properties")
            folder.mistakes.append(folder.platform_document.mistake(path, error.message, error.remedy))
            folder.tenants.clear()
    for tenant in list(folder.tenants.values()):
        if _check_tenant(folder, tenant, folder.platform):
            check_pipelines(folder, tenant, limits_of(tenant.name, tenant.tenant, folder.platform), folder.platform)
        else:
            del folder.tenants[tenant.name]
    return folder


def _check_tenant(folder: Folder, tenant: TenantFolder, platform: Platform) -> bool:
    link = platform.links.get(tenant.tenant.link)
    if link is None:
        remedy = did_you_mean(tenant.tenant.link, platform.links)
        folder.mistakes.append(
            tenant.document.mistake(("link",), f"there is no link {tenant.tenant.link!r} in platform.yaml", remedy)
        )
        return False
    most = max(slots_of(link).distcp, slots_of(link).worker)
    if tenant.tenant.max_slots > most:
        folder.mistakes.append(
            tenant.document.mistake(
                ("max_slots",),
                f"{tenant.tenant.max_slots} slots are more than a pool of link {tenant.tenant.link!r} has",
                f"Write at most {most}",
            )
        )
        return False
    return True


def _overlap(request: CopyRequest) -> Problem | None:
    """What the two addresses alone tell of a copy onto or into itself."""
    try:
        refuse_overlap(Address.parse(request.source), Address.parse(request.destination))
    except PathConflict as error:
        return Problem(("destination",), error.message, error.remedy)
    return None


def _outside(field: str, address: str, verb: str, prefixes: tuple[str, ...], tenant: str) -> Problem:
    allowed = ", ".join(prefixes) or "nothing"
    return Problem(
        (field,), f"{field} {address!r} lies outside what tenant {tenant!r} may {verb}", f"Allowed: {allowed}"
    )
