"""Incidents, areas, alerts and accounts, and the rules for them.

`models.py` names all the tables. Knows `base`, `geo` and `storage`; nothing of the web.
"""
