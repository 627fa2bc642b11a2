"""The database file: transactions, the durable flush, the log, backups and migrations.

Knows `base`; neither Flask nor the meaning of the tables.
"""
