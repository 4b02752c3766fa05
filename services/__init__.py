"""The four stages. They share nothing but NATS and the language in ``shared``; they never import each other."""
