"""Reading every generation of check files into the normalised check of ``shared.checks``. It is shared because a
checker reads the signed bytes of a file by the same rules as ``watchword apply`` reads the file.
"""
