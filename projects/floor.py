"""The lower floor, as Django knows it: named here because `apps.py` is the room of the apps."""

from django.apps import AppConfig


class Projects(AppConfig):
    name = "projects"
    label = "projects"
