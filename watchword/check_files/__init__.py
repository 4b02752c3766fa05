"""What check authors and ``apply`` do with check files once they are read: linting them, and the built-in ones."""
