"""The silencer: mute requests become Alertmanager silences."""
