"""The suites that come with geomdl; each module registers one as it is imported."""
