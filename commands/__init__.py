"""What `python tracker.py COMMAND` does beside serving: importing, accounts, tokens, backups.

Knows all rooms but `web`, `server` and `realtime`.
"""
