"""The plugin, for an Airflow that finds this package on its path but does not have it installed.

An installed package registers the plugin by its entry point; a second registration would be an import error.
"""

from importlib.metadata import entry_points

if not any(each.name == "datamove" for each in entry_points(group="airflow.plugins")):
    from airflow_datamove.ui.plugin import DatamovePlugin as DatamovePlugin
