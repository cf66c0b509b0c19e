"""Admission control: links are cut into slots, slots are kept by pools, requests are let in or refused.

``links`` and ``limits`` and ``admission`` are arithmetic without Airflow; ``policy`` is Airflow's cluster policy.
"""
