"""One module for each engine: connect, execute one query, return rows. Their protocol is in ``protocol.py``."""
