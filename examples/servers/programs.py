"""Where are the programs of the servers that belong to the product? For whoever starts them in a way of their own, such
as a test that must know nothing of the product. Each raises ``ServerProgramMissing`` with the way to get it.
"""

from watchword.embedded import alertmanager_program, nats_program

__all__ = ["alertmanager_program", "nats_program"]
