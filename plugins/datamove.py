"""The plugin, for an Airflow that finds this package on its path but does not have it installed.

An installed package registers the plugin by its entry point; a second registration would be an import error.
"""

from importlib.metadata import distributions

# Every distribution is asked, as Airflow does: entry_points() looks at the first of each name alone.
if not any(
    each.group == "airflow.plugins" and each.name == "datamove"
    for distribution in distributions()
    for each in distribution.entry_points
):
    from airflow_datamove.ui.plugin import DatamovePlugin as DatamovePlugin
