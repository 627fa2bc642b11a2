"""Text, times, severities, network addresses, settings and the event loop: used by every other room.

Knows no other room, neither Flask nor the database.
"""
