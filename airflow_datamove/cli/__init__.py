"""The command line, ``datamove``: what the operators do, without Airflow. One file for each subcommand.

Exit codes: 0 done, 1 failed, 2 wrong use. Errors are one line on stderr, with the remedy.
"""
