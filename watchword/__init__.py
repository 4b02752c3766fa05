"""The command line, the reader of check files, and ``watchword up``: all stages with embedded servers."""
