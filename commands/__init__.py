"""The commands of `python tracker.py COMMAND`: importing, accounts, tokens, backups.

Knows all rooms but `web`, `server` and `realtime`.
"""
