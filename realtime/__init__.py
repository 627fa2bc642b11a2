"""The fan-out: WebSocket clients, their cursors, and the replay of recent entries.

Knows `base`; neither Flask nor the database. The log is a function that it is given.
"""
