"""GeoJSON as it is read, checked and written, and the index of areas.

Knows `base`; neither Flask nor the database.
"""
