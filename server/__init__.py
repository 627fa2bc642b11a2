"""HTTP: reading requests, connections and their quotas, TLS, proxies.

Knows `base`; neither Flask nor the database.
"""
