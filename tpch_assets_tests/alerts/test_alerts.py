"""Alerts as plain data: what begins, what is over, what is told together, and what happens while a channel is out."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tpch_assets.alerts.channels import ChannelError, Mail, Webhook
from tpch_assets.alerts.conditions import KINDS, Condition
from tpch_assets.alerts.delivery import deliver
from tpch_assets.alerts.follow import FORGOTTEN, Alert, follow
from tpch_assets.alerts.messages import Message, begun, over
from tpch_assets.alerts.outbox import open_alerts, store_alerts, stored_alerts
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.alerts.servers import Hook, certificate, mail_server, webhook
from tpch_assets_tests.alerts.watch import LINKS, Watch

NOW, MINUTE = datetime(2026, 1, 2, 3, 4, tzinfo=UTC), timedelta(minutes=1)
FAILED = Condition("run failed", "silver", "silver/orders", NOW, "2026-01-01T1800", "disk full", "/runs/0a1b")


def late(number: int) -> Condition:
    return Condition("late", "gold", f"gold/q{number:02}", NOW - number * MINUTE, "", "its newest day is 2025-12-30")


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as found:
        yield found


# What is said


def test_a_message_is_one_sentence_with_what_to_do_and_links() -> None:
    assert begun([Alert(FAILED, NOW)], LINKS).text == (
        "A run of silver/orders, 2026-01-01T1800 failed at 2026-01-02 03:04 UTC (disk full). Read its log, mend the "
        "cause and run it again. Dagster: http://dagster.example/runs/0a1b Dashboard: http://dashboard.example/pipeline"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_told_alone_and_together(kind: str) -> None:
    alerts = [Alert(Condition(kind, "here", name, NOW), NOW, NOW + MINUTE) for name in ("one", "two")]
    for group in (alerts[:1], alerts):
        for message in (begun(group, LINKS), over(group, LINKS)):
            assert not set("{}\n") & set(message.subject + message.text)
            assert message.text.startswith(message.text[0].upper()) and "2026-01-02 03:0" in message.text


# What begins and what is over


def test_24_late_tables_are_one_message_when_they_begin_and_one_when_they_are_over(lake: Lake, hook: Hook) -> None:
    watch, tables = Watch(lake, Webhook(hook.url)), [late(number) for number in range(24)]
    for minute in range(5):
        watch.look(NOW + minute * MINUTE, *tables)
        assert hook.texts == [], "it may pass by itself"
        assert open_alerts(lake, NOW + minute * MINUTE) == []
    for minute in range(5, 8):
        watch.look(NOW + minute * MINUTE, *tables)
        (text,) = hook.texts
    assert text.startswith("24 tables of gold are late since 2026-01-02 02:41 UTC: gold/q23 (its newest day is")
    assert "and 21 more. See whether" in text
    assert len(open_alerts(lake, NOW + 8 * MINUTE)) == 24
    for minute in range(8, 10):
        watch.look(NOW + minute * MINUTE)
        _, text = hook.texts
    assert text.startswith("Over since 2026-01-02 03:12 UTC: 24 tables of gold are late")
    assert open_alerts(lake, NOW + 10 * MINUTE) == []


def test_what_passes_before_it_counts_is_never_told(lake: Lake, hook: Hook) -> None:
    watch = Watch(lake, Webhook(hook.url))
    watch.look(NOW, late(1))
    watch.look(NOW + 4 * MINUTE)
    watch.look(NOW + 6 * MINUTE, late(1))
    assert hook.texts == [] and len(stored_alerts(lake)) == 1


def test_what_cannot_be_looked_for_is_neither_begun_nor_over(lake: Lake, hook: Hook) -> None:
    watch = Watch(lake, Webhook(hook.url))
    watch.look(NOW, FAILED)
    watch.look(NOW + MINUTE, unknown=frozenset({"run failed"}))
    assert len(hook.texts) == 1 and len(open_alerts(lake, NOW)) == 1


def test_it_keeps_its_begin_and_may_begin_again() -> None:
    alerts = follow([Alert(FAILED, NOW)], [replace(FAILED, since=NOW + MINUTE, detail="other")], (), NOW + MINUTE)
    assert [(alert.condition.since, alert.condition.detail) for alert in alerts] == [(NOW, "other")]
    alerts = follow(alerts, [], (), NOW + 2 * MINUTE)
    alerts = follow(alerts, [FAILED], (), NOW + 3 * MINUTE)
    assert [alert.over for alert in alerts] == [NOW + 2 * MINUTE, None]
    assert [alert.over for alert in follow(alerts, [FAILED], (), NOW + FORGOTTEN + 3 * MINUTE)] == [None]


# Channels


def test_an_outage_of_a_channel_loses_nothing_and_holds_up_no_other(lake: Lake, hook: Hook) -> None:
    with mail_server() as post:
        mail = Mail("127.0.0.1", post.port, "none", "us@example.org", ("a@example.org", "b@example.org"))
        watch = Watch(lake, Webhook(hook.url), mail)
        hook.status = 503
        (fault,) = watch.look(NOW, FAILED)
        assert fault == "webhook: the webhook answers with status 503; it is sent again at the next look"
        assert [(subject, to) for subject, to, _ in post.mails] == [
            ("Begun: a run of silver/orders, 2026-01-01T1800 failed", "a@example.org, b@example.org")
        ]
    hook.status = 200
    (fault,) = watch.look(NOW + MINUTE)
    assert fault.startswith(f"email: the mail server 127.0.0.1:{post.port} took no message (")
    assert [text.split(" ")[0] for text in hook.texts] == ["A", "Over"], "its begin is told although it is over"
    with mail_server() as again:
        watch.channels = (Webhook(hook.url), replace(mail, port=again.port))
        assert watch.look(NOW + 2 * MINUTE) == watch.look(NOW + 3 * MINUTE) == []
        assert [subject.split(":")[0] for subject, *_ in again.mails] == ["Over"]
    assert len(hook.texts) == 2


def test_a_message_that_was_sent_and_not_noted_is_sent_again(lake: Lake, hook: Hook) -> None:
    """A process that dies in between: at least once."""
    alerts = [Alert(FAILED, NOW), Alert(late(1), NOW - 10 * MINUTE)]
    store_alerts(lake, alerts)

    def die(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver(alerts, [Webhook(hook.url)], LINKS, NOW, die)
    assert len(hook.texts) == 1
    Watch(lake, Webhook(hook.url)).look(NOW, FAILED, late(1))
    assert len(hook.texts) == 3 and hook.texts[0] == hook.texts[1]


def test_mail_goes_by_starttls_with_user_and_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = certificate(tmp_path)
    with mail_server(tls) as post:
        mail = Mail("127.0.0.1", post.port, "starttls", "us@example.org", ("a@example.org",), "me", "pass word")
        with pytest.raises(ChannelError, match="certificate verify failed"):
            mail.send(Message("subject", "text"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        mail.send(Message("Grüße", "Text mit “Zeichen”"))
        assert post.mails[0][2].strip() == "Text mit “Zeichen”"
        with pytest.raises(ChannelError) as refused:
            replace(mail, password="wrong word").send(Message("subject", "text"))
        assert "535" in str(refused.value) and "wrong word" not in str(refused.value)
    assert "pass word" not in repr(mail) and len(post.mails) == 1


def test_a_webhook_that_is_gone_is_told_without_its_secret() -> None:
    with webhook() as hook:
        pass
    with pytest.raises(ChannelError) as gone:
        Webhook(hook.url).send(Message("subject", "text"))
    assert str(gone.value) == "the webhook does not answer (ConnectError)" and "secret" not in repr(Webhook(hook.url))
