"""Text, times, severities, network addresses, settings and the event loop: what every other room builds on.

Knows nothing of ours, neither Flask nor the database.
"""
