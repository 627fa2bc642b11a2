"""The Flask application: pages, the API, sign-in, and the `/notifications` endpoint.

Knows all rooms but `commands`.
"""
