"""A person who signs in."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower


class User(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta(AbstractUser.Meta):
        # Whoever writes `bob` means the one person who is called that: a grant must not go to another.
        constraints = [models.UniqueConstraint(Lower("username"), name="user_name_unique")]
