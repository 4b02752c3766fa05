"""The real servers that the demo and the tests use: PostgreSQL 18 and 15, MariaDB, a MongoDB-wire server, Prometheus.

Each is a context manager that starts one throw-away server on a free port of 127.0.0.1, in a folder of its own that is
gone afterwards. NATS and Alertmanager belong to the product and stand in ``watchword/embedded.py``.
"""
