"""The database file: transactions, the durable flush, the log, backups and migrations.

Knows `base`; neither Flask nor what the tables mean.
"""
