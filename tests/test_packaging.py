"""The package as Airflow finds it: provider, connection type, policy, and a plugin that registers once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def airflow(*words: str, home: Path, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *words],
        env={**os.environ, "AIRFLOW_HOME": str(home), **env},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def python(code: str, home: Path, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "AIRFLOW_HOME": str(home), **env},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_airflow_lists_the_provider(tmp_path: Path) -> None:
    listed = json.loads(airflow("providers", "list", "--output", "json", home=tmp_path))
    assert "airflow-datamove" in {row["package_name"] for row in listed}


def test_airflow_knows_the_connection_type_and_its_named_fields(tmp_path: Path) -> None:
    code = (
        "from airflow.providers_manager import ProvidersManager\n"
        "m = ProvidersManager()\n"
        "h = dict(m.hooks)['hadoop']\n"
        "print('RESULT', h.hook_class_name, *sorted(m.connection_form_widgets))\n"
    )
    shown = python(code, tmp_path).partition("RESULT")[2]
    assert "airflow_datamove.hooks.hadoop.HadoopHook" in shown
    for field in ("resource_manager", "history_server", "command", "class_path", "conf_dir", "queue"):
        assert f"extra__hadoop__{field}" in shown


@pytest.mark.parametrize("folder", [str(ROOT / "plugins"), ""])
def test_the_plugin_registers_once_by_folder_and_entry_point(tmp_path: Path, folder: str) -> None:
    code = (
        "import json\n"
        "from airflow import plugins_manager as m\n"
        "plugins, errors = m._get_plugins()\n"
        "print('RESULT' + json.dumps([[p.name for p in plugins if p.name == 'datamove'], errors]))\n"
    )
    out = python(code, tmp_path, AIRFLOW__CORE__PLUGINS_FOLDER=folder or str(tmp_path))
    assert json.loads(out.partition("RESULT")[2]) == [["datamove"], {}]


def test_the_policy_is_installed_and_switched_on(tmp_path: Path) -> None:
    code = (
        "from airflow import settings\n"
        "settings.initialize()\n"
        "hook = settings.task_instance_mutation_hook\n"
        "impls = settings.get_policy_plugin_manager().hook.task_instance_mutation_hook.get_hookimpls()\n"
        "print('RESULT', hook.is_noop, [i.plugin.__name__ for i in impls if 'datamove' in i.plugin.__name__])\n"
    )
    assert "RESULT False ['airflow_datamove.scheduling.policy']" in python(code, tmp_path)


def test_the_command_line_does_not_import_airflow_or_a_cloud_sdk() -> None:
    code = (
        "import sys\n"
        "from airflow_datamove.cli.main import main\n"
        "main(['plan', '--help'])\n"
        "heavy = ('airflow', 'azure.storage', 'google.cloud.storage', 'hdfs')\n"
        "print('RESULT', [name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "RESULT []" in done.stdout, done.stderr


def test_a_wheel_carries_the_jar_for_hadoop_s_client(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "airflow_datamove", copy / "airflow_datamove", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy)
    code = "import setuptools.build_meta as m; print('RESULT', m.build_wheel('.'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(copy / done.stdout.split()[-1]) as wheel:
        assert "airflow_datamove/distcp/planned-copy-listing.jar" in wheel.namelist()
