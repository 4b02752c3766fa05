"""Reading every generation of check files into the normalised check of ``shared.checks``, and linting them."""
