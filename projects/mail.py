"""Letters with a link, where the installation has a server that takes them."""

import logging

from django.conf import settings
from django.core.mail import send_mail

from projects.credentials import Secret

logger = logging.getLogger(__name__)


def is_set() -> bool:
    return bool(settings.EMAIL_HOST)


def send(to: str, subject: str, sentence: str, link: Secret) -> bool:
    """Whether the server took it. Sent by whoever asks, after what they asked for: no link travels through a queue."""
    if not (to and is_set()):
        return False
    body = f"{sentence}\n\n{link.reveal()}\n"
    try:
        return bool(send_mail(" ".join(subject.split()), body, None, [to]))
    except OSError as error:  # also what the protocol answers
        logger.warning("A letter could not be sent: %s", type(error).__name__)
        return False
