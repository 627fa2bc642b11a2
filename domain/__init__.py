"""What is stored and what it means: incidents, areas, alerts, accounts, and the rules that hold for them.

`models.py` names all the tables. Knows `base`, `geo` and `storage`; nothing of the web.
"""
