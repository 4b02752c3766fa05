"""What can go wrong with an Alertmanager. Each exception tells its caller what to do next, and the text of each begins
with the URL, without any secret.

    AlertmanagerError
    ├── AlertmanagerUnavailable      passes by itself: try again later
    │   ├── AlertmanagerUnreachable  no connection: nothing was sent, another member may be asked at once
    │   ├── AlertmanagerSilent       sent, but no whole answer came: it may have been done
    │   └── AlertmanagerBusy         it answers 5xx: it may have been done
    │       └── TooManyRequests      it answers 429: nothing was done
    ├── AlertmanagerRefused          sending the same again is refused again
    │   ├── BatchRefused             nothing of it was stored: look for the one that spoils it
    │   ├── PartlyRefused            the valid alerts are stored, the others never will be
    │   └── SilenceRefused           the silence is not valid there
    ├── AlertmanagerUnauthorised     it does not accept who we are
    ├── NotAnAlertmanager            something else answers at the URL
    └── CredentialUnavailable        what we show it can't be read here
"""

from typing import ClassVar

from shared.errors import WatchwordError


class AlertmanagerError(WatchwordError):
    """The root of what can go wrong with an Alertmanager; its text begins with the URL, without any secret."""

    may_have_happened: ClassVar[bool] = False
    """True when the request may have been carried out all the same."""


class AlertmanagerUnavailable(AlertmanagerError):
    """It can't be asked just now; the same request may succeed later."""


class AlertmanagerUnreachable(AlertmanagerUnavailable):
    """There is no connection, so nothing was sent."""


class AlertmanagerSilent(AlertmanagerUnavailable):
    """The request was sent, at least in part, and no whole answer came."""

    may_have_happened = True


class AlertmanagerBusy(AlertmanagerUnavailable):
    """It answers that it can't do this now (5xx)."""

    may_have_happened = True


class TooManyRequests(AlertmanagerBusy):
    """It answers 429: nothing was done."""

    may_have_happened = False


class AlertmanagerRefused(AlertmanagerError):
    """It does not take what was sent, and never will. ``reason`` is what it says itself."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class BatchRefused(AlertmanagerRefused):
    """It could not read the alerts as a whole: nothing was stored."""


class PartlyRefused(AlertmanagerRefused):
    """It stored the valid alerts and dropped the others; ``reason`` has their faults, without saying which they are."""

    may_have_happened = True


class SilenceRefused(AlertmanagerRefused):
    """It does not take the silence."""


class AlertmanagerUnauthorised(AlertmanagerError):
    """It answers 401 or 403: the credential is missing, wrong, or not enough."""


class NotAnAlertmanager(AlertmanagerError):
    """What answers at the URL does not speak Alertmanager's API v2."""


class CredentialUnavailable(AlertmanagerError):
    """The password, token or certificate for it can't be read by this process."""
