"""One module for each engine: connect, execute one query, return rows. The protocol they share is in ``protocol.py``."""
