"""The inventory file, ``watchword.yaml``: reading it with every mistake at its line and column, planning what it would
change in the configuration bucket, and writing that.
"""
