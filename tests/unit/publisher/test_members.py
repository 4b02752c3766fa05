"""Which Alertmanagers get alerts?"""

from services.publisher.members import Member, members_of
from services.publisher.settings import PublisherSettings
from shared.configuration import Alertmanager, Credential


def test_every_member_of_every_cluster_gets_alerts_once() -> None:
    login = Credential(username="ada")
    groups = [
        Alertmanager(name="site", urls=("http://a:9093", "http://b:9093/"), credential=login),
        Alertmanager(name="other", urls=("http://b:9093", "http://c:9093/alertmanager")),
    ]
    assert members_of(groups) == [
        Member("http://a:9093", login),
        Member("http://b:9093/", login),
        Member("http://c:9093/alertmanager", Credential()),
    ]


def test_the_lease_is_four_re_sends_and_five_minutes_at_least() -> None:
    assert PublisherSettings().pace.lease_seconds == 300
    assert PublisherSettings(resend_seconds=120).pace.lease_seconds == 480
    assert PublisherSettings(resend_seconds=1).pace.lease_seconds == 300
