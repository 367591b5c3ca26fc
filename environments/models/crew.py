"""In which environments a team or an agent works."""

from django.db import models

from environments.models.environment import Environment
from projects.models import Agent, Team


class TeamEnvironment(models.Model):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="places")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "environment"], name="team_environment_unique")]

    def __str__(self) -> str:
        return f"{self.team} in {self.environment}"


class AgentEnvironment(models.Model):
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="places")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agent", "environment"], name="agent_environment_unique")]

    def __str__(self) -> str:
        return f"{self.agent} in {self.environment}"
