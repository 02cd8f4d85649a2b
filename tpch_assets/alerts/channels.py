"""Where messages go: a webhook that takes Slack's JSON, and e-mail. What they say belongs in `messages`."""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol

from tpch_assets.alerts.messages import Message
from tpch_assets.settings import Settings

PATIENCE = 5.0  # Seconds that a channel may take to answer.


class ChannelError(RuntimeError):
    """A message was not taken. It says why, and holds no secret."""


class Channel(Protocol):
    """Takes messages."""

    @property
    def name(self) -> str:
        """What the outbox calls it."""

    def send(self, message: Message) -> None:
        """Send one message.

        Raises:
            ChannelError: It was not taken.
        """


@dataclass(frozen=True, repr=False)
class Webhook:
    """An incoming webhook of Slack, or of whatever takes the same: `{"text": …}` by POST."""

    url: str
    name: str = "webhook"

    def send(self, message: Message) -> None:
        import httpx  # Imported lazily, so that definitions load faster.

        try:
            answer = httpx.post(self.url, json={"text": message.text}, timeout=PATIENCE)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ChannelError(f"the webhook does not answer ({type(error).__name__})") from None
        if not answer.is_success:
            raise ChannelError(f"the webhook answers with status {answer.status_code}")


@dataclass(frozen=True, repr=False)
class Mail:
    """A mail server, by SMTP."""

    host: str
    port: int
    security: str
    sender: str
    to: tuple[str, ...]
    user: str | None = None
    password: str | None = None
    name: str = "email"

    def send(self, message: Message) -> None:
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.subject, self.sender, ", ".join(self.to)
        mail.set_content(message.text)
        try:
            with self._connected() as server:
                if self.user and self.password is not None:
                    server.login(self.user, self.password)
                server.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelError(f"the mail server {self.host}:{self.port} took no message ({_why(error)})") from None

    def _connected(self) -> smtplib.SMTP:
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=PATIENCE, context=ssl.create_default_context())
        server = smtplib.SMTP(self.host, self.port, timeout=PATIENCE)
        if self.security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server


def channels_of(settings: Settings) -> list[Channel]:
    """The channels that are set."""
    found: list[Channel] = []
    if settings.alert_webhook_url is not None:
        found.append(Webhook(settings.alert_webhook_url.get_secret_value()))
    if settings.alert_email_to and settings.alert_smtp_host:
        password = settings.alert_smtp_password
        found.append(
            Mail(
                settings.alert_smtp_host,
                settings.alert_smtp_port,
                settings.alert_smtp_security,
                settings.alert_email_from or settings.alert_email_to[0],
                tuple(settings.alert_email_to),
                settings.alert_smtp_user,
                None if password is None else password.get_secret_value(),
            )
        )
    return found


def _why(error: Exception) -> str:
    """A server's refusal without what it may repeat of the credentials."""
    code = getattr(error, "smtp_code", None)
    return f"{type(error).__name__}{f' {code}' if code else ''}" if code else str(error) or type(error).__name__
