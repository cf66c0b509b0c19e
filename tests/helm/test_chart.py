"""The chart: it renders, Kubernetes would take it, and what it mounts is what the product reads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from airflow_datamove.cli.main import main as datamove
from airflow_datamove.generator.bundle import TenantsBundle
from airflow_datamove.scheduling.admission import check_folder
from airflow_datamove.scheduling.links import pools_of
from airflow_datamove.spec.folder import read_folder
from airflow_datamove.spec.tenant import Resources
from helm import values_schema
from tests.helm.binary import helm
from tests.servers.stack import clean_environment

CHART = Path(__file__).resolve().parents[2] / "helm" / "datamove"
VALUES = CHART / "ci" / "quickstart-values.yaml"
OLDEST, NEWEST = "1.25", "1.34"

Manifest = dict[str, Any]


def run_helm(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(helm()), *words], capture_output=True, text=True, check=False)


def render(*words: str, chart: Path = CHART, values: Path | None = VALUES) -> dict[str, Manifest]:
    """The manifests by ``Kind/name``."""
    given = ["--values", str(values)] if values else []
    outcome = run_helm("template", "dm", str(chart), *given, *words)
    assert outcome.returncode == 0, outcome.stderr
    manifests = [each for each in yaml.safe_load_all(outcome.stdout) if each]
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in manifests}


@pytest.fixture(scope="module")
def manifests() -> dict[str, Manifest]:
    return render()


def pod_templates(manifests: Mapping[str, Manifest]) -> dict[str, Manifest]:
    """The pod template of each tenant."""
    data = manifests["ConfigMap/dm-datamove-pod-templates"]["data"]
    return {name.removesuffix(".yaml"): yaml.safe_load(text) for name, text in data.items()}


def airflow_values(manifests: Mapping[str, Manifest]) -> dict[str, Any]:
    values = yaml.safe_load(manifests["ConfigMap/dm-datamove-airflow-values"]["data"]["values.yaml"])
    assert isinstance(values, dict)
    return values


def mount(volume: Mapping[str, Any], manifests: Mapping[str, Manifest], target: Path) -> Path:
    """Lays a ConfigMap's volume out as a kubelet does: the files in a hidden folder, and links to them."""
    data = manifests[f"ConfigMap/{volume['configMap']['name']}"]["data"]
    hidden = target / "..2026_01_01"
    for item in volume["configMap"]["items"]:
        path = hidden / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data[item["key"]], "utf-8")
    (target / "..data").symlink_to(hidden.name)
    for top in hidden.iterdir():
        (target / top.name).symlink_to(Path("..data", top.name))
    return target


def tenants_volume(volumes: list[dict[str, Any]]) -> dict[str, Any]:
    return next(volume for volume in volumes if volume["name"] == "datamove-tenants")


@pytest.mark.parametrize("values", [[], ["--values", str(VALUES)]], ids=["defaults", "quickstart"])
def test_lint_has_nothing_to_say(values: list[str]) -> None:
    outcome = run_helm("lint", "--strict", str(CHART), *values)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "[WARNING]" not in outcome.stdout
    assert "[ERROR]" not in outcome.stdout


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("release", ["dm", "a-release-whose-name-is-as-long-as-helm-lets-it-be-53"])
def test_kubernetes_takes_every_manifest(version: str, release: str) -> None:
    outcome = run_helm("template", release, str(CHART), "--values", str(VALUES))
    found = [each for each in yaml.safe_load_all(outcome.stdout) if each]
    assert sorted(each["kind"] for each in found) == ["ConfigMap", "ConfigMap", "ConfigMap", "Job"]
    templates = [data for each in found for name, data in each.get("data", {}).items() if name == "acme.yaml"]
    for each in [*found, *(yaml.safe_load(text) for text in templates)]:
        kubernetes_validate.validate(each, version, strict=True)
        assert len(each["metadata"]["name"]) <= 63
        assert all(len(str(value)) <= 63 for value in each["metadata"]["labels"].values())


def test_names_carry_the_recommended_labels(manifests: dict[str, Manifest]) -> None:
    for each in [*manifests.values(), *pod_templates(manifests).values()]:
        labels = each["metadata"]["labels"]
        told = {name.partition("/")[2] for name in labels if name.startswith("app.kubernetes.io/")}
        assert told == {"name", "instance", "version", "component", "part-of", "managed-by"}


def test_the_yaml_as_mounted_is_sound(
    manifests: dict[str, Manifest], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = mount(tenants_volume(airflow_values(manifests)["volumes"]), manifests, tmp_path)
    assert datamove(["lint", str(root)]) == 0, capsys.readouterr().err
    folder = check_folder(read_folder(root))
    assert sorted(folder.tenants) == ["acme", "globex"]
    assert list(folder.tenants["acme"].pipelines["orders"].pipeline.steps) == ["orders", "index"], "in their order"
    assert folder.platform is not None
    assert folder.platform.threshold == 16 * 2**20, "a large number stays a whole one"


def test_airflow_finds_the_tenants_by_the_variables(manifests: dict[str, Manifest], tmp_path: Path) -> None:
    values = airflow_values(manifests)
    env = {each["name"]: each["value"] for each in values["env"]}
    mounts = {each["name"]: each["mountPath"] for each in values["volumeMounts"]}
    own, *others = json.loads(env["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert own["classpath"] == f"{TenantsBundle.__module__}.{TenantsBundle.__qualname__}"
    assert own["kwargs"]["path"] == env["AIRFLOW__DATAMOVE__FOLDER"] == mounts["datamove-tenants"]
    assert [each["name"] for each in others] == ["dags-folder"]
    assert env["AIRFLOW__DATAMOVE__POD_TEMPLATES"] == mounts["datamove-pod-templates"]
    assert set(mounts) == {volume["name"] for volume in values["volumes"]}
    assert (
        f"{values['images']['airflow']['repository']}:{values['images']['airflow']['tag']}" == "airflow-datamove:0.1.0"
    )


def test_each_tenant_has_its_resources_and_sees_its_own_yaml_alone(
    manifests: dict[str, Manifest], tmp_path: Path
) -> None:
    templates = pod_templates(manifests)
    assert sorted(templates) == ["acme", "globex"]
    least = Resources()
    for tenant, wanted in {"acme": ("1.5", "2Gi"), "globex": (least.cpu, least.memory)}.items():
        (container,) = templates[tenant]["spec"]["containers"]
        assert container["name"] == "base", "what the KubernetesExecutor looks for"
        asked = {"cpu": wanted[0], "memory": wanted[1]}
        assert container["resources"] == {"requests": asked, "limits": asked}
        volume = tenants_volume(templates[tenant]["spec"]["volumes"])
        (tmp_path / tenant).mkdir()
        folder = check_folder(read_folder(mount(volume, manifests, tmp_path / tenant)))
        assert folder.mistakes == []
        assert list(folder.tenants) == [tenant]


def test_pods_are_as_restricted_as_kubernetes_knows(manifests: dict[str, Manifest]) -> None:
    job = manifests["Job/dm-datamove-pools"]["spec"]["template"]
    for pod in [job, *pod_templates(manifests).values()]:
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        volumes = {volume["name"]: set(volume) - {"name"} for volume in spec["volumes"]}
        assert set().union(*volumes.values()) == {"configMap", "emptyDir"}
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"] is True
            writable = {m["mountPath"] for m in container["volumeMounts"] if volumes[m["name"]] == {"emptyDir"}}
            assert writable == {"/tmp", "/opt/airflow/logs"}
            assert {m["name"] for m in container["volumeMounts"]} == set(volumes)


def test_the_job_runs_after_each_install_and_upgrade(manifests: dict[str, Manifest]) -> None:
    job = manifests["Job/dm-datamove-pools"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-install,post-upgrade"
    env = {each["name"]: each for each in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    secret = env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]["valueFrom"]["secretKeyRef"]
    assert secret == {"name": "airflow-metadata", "key": "connection"}


def test_the_jobs_command_makes_the_pools_in_airflow(tmp_path: Path) -> None:
    """Run here, with a fresh Airflow database: the very command, on the very files."""
    mounted = tmp_path / "yaml"
    mounted.mkdir()
    manifests = render("--set", f"mountPath={mounted}")
    pod = manifests["Job/dm-datamove-pools"]["spec"]["template"]["spec"]
    mount(tenants_volume(pod["volumes"]), manifests, mounted)
    home = tmp_path / "home"
    home.mkdir()
    env = clean_environment(
        {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__DATAMOVE__FOLDER": str(mounted),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "TMPDIR": str(tmp_path),
        }
    )

    def run(*words: str) -> str:
        outcome = subprocess.run(words, env=env, cwd=home, capture_output=True, text=True, check=False)
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
        return outcome.stdout

    run("airflow", "db", "migrate")
    run(*pod["containers"][0]["args"])
    run("airflow", "pools", "export", str(home / "pools.json"))
    made = json.loads((home / "pools.json").read_text("utf-8"))
    platform = read_folder(mounted).platform
    assert platform is not None
    for pool in pools_of(platform):
        assert (made[pool.name]["slots"], made[pool.name]["include_deferred"]) == (pool.slots, pool.include_deferred)


def test_files_of_the_chart_stand_in_for_values(tmp_path: Path) -> None:
    chart = tmp_path / "datamove"
    shutil.copytree(CHART, chart)
    example = CHART.parents[1] / "examples" / "quickstart"
    (chart / "files").mkdir()
    shutil.copy(example / "platform.yaml", chart / "files")
    shutil.copytree(example / "tenants", chart / "files" / "tenants")
    manifests = render("--set", "platform.links.interconnect.capacity=2 GiB/s", chart=chart, values=None)
    root = mount(tenants_volume(airflow_values(manifests)["volumes"]), manifests, tmp_path)
    folder = check_folder(read_folder(root))
    assert folder.mistakes == []
    assert sorted(folder.tenants) == sorted(each.name for each in (example / "tenants").iterdir())
    assert folder.platform is not None
    assert folder.platform.links["interconnect"].capacity.smallest == 2 * 2**30, "values go over files"


def test_the_schema_is_the_products_own() -> None:
    assert values_schema.FILE.read_text("utf-8") == values_schema.text(), "run python -m helm.values_schema"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("tenants.acme.tenant.max_slots=-1", "tenants.acme.tenant.max_slots: Must be greater than or equal to 1"),
        ("tenants.acme.tenant.max_slot=1", "tenants.acme.tenant: Additional property max_slot is not allowed"),
        ("tenants.acme.tenant.resources.cpu=lots", "tenants.acme.tenant.resources.cpu: Does not match pattern"),
        ("tenants.Acme.tenant.owner=me@acme.example", 'Property name of "Acme" does not match'),
        ("tenants.acme.pipelines.Orders=x", 'Property name of "Orders" does not match'),
        ("platform.links.interconnect.capacity=fast", "platform.links.interconnect.capacity: Does not match pattern"),
        ("platform.link=wan", "platform: Additional property link is not allowed"),
        ("pool.enabled=true", "(root): Additional property pool is not allowed"),
        ("podTemplates.tmpSize=big", "podTemplates.tmpSize: Does not match pattern"),
        ("mountPath=datamove", "mountPath: Does not match pattern"),
    ],
)
@pytest.mark.parametrize("command", ["lint", "template"])
def test_a_wrong_value_is_refused_by_name(command: str, wrong: str, said: str) -> None:
    outcome = run_helm(command, str(CHART), "--values", str(VALUES), "--set", wrong)
    assert outcome.returncode == 1
    assert said in outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "there is no platform: write it under platform: in your values, or as files/platform.yaml"),
        (
            ["--values", str(VALUES), "--set", "tenants.acme.pipelines.orders=a: [b"],
            "tenants/acme/orders.pipeline.yaml cannot be read",
        ),
    ],
)
def test_what_no_schema_can_say_is_refused_when_it_is_rendered(words: list[str], said: str) -> None:
    outcome = run_helm("template", "dm", str(CHART), *words)
    assert outcome.returncode == 1
    assert said in outcome.stderr


def test_switched_off_parts_are_left_out() -> None:
    manifests = render("--set", "pools.enabled=false,podTemplates.enabled=false,airflow.configMap=")
    assert sorted(manifests) == ["ConfigMap/dm-datamove-airflow-values", "ConfigMap/dm-datamove-tenants"]
    assert [each["name"] for each in airflow_values(manifests)["volumes"]] == ["datamove-tenants"]
