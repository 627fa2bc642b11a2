"""Reading, checking and writing GeoJSON, and the index of areas.

Knows `base`; neither Flask nor the database.
"""
