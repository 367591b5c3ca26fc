"""The pages of environments and all that happens in them."""

from django.urls import path

from environments.views import apps, board, chains, environments, holds, live, plans, runs, switcher

urlpatterns = [
    path("", board.board, name="board"),
    path("board/chips", board.chips, name="board-chips"),
    path("board/apps/<uuid:app_id>", board.row, name="board-row"),
    path("board/columns/<uuid:environment_id>", board.column, name="board-column"),
    path("switcher", switcher.options, name="environment-switcher"),
    path("chain", chains.chain, name="chain"),
    path("chain/first", chains.first, name="chain-first"),
    path("chain/<uuid:chain_id>", chains.chain, name="chain-of-project"),
    path("chain/environments/<uuid:environment_id>", chains.environment, name="chain-environment"),
    path("chains", chains.create, name="chains"),
    path("chains/<uuid:chain_id>/removal", chains.removal, name="chain-removal"),
    path("chains/<uuid:chain_id>/stages", chains.stages, name="chain-stages"),
    path("plans/draft", plans.draft, name="plan-draft"),
    path("plans", plans.carry_out, name="plans"),
    path("environments", environments.environments, name="environments"),
    path("environments/new", environments.new, name="environment-new"),
    path("environments/<uuid:environment_id>", environments.environment, name="environment"),
    path("environments/<uuid:environment_id>/wish", environments.wish, name="environment-wish"),
    path("environments/<uuid:environment_id>/settings", environments.settings, name="environment-settings"),
    path("environments/<uuid:environment_id>/deletion", environments.deletion, name="environment-deletion"),
    path("environments/<uuid:environment_id>/holds", holds.placing, name="environment-holds"),
    path("environments/<uuid:environment_id>/restarts", environments.restart, name="environment-restarts"),
    path(
        "environments/<uuid:environment_id>/worker-command",
        environments.worker_command,
        name="environment-worker-command",
    ),
    path("environments/<uuid:environment_id>/<slug:part>", environments.part, name="environment-part"),
    path("holds/<uuid:hold_id>/lifting", holds.lifting, name="hold-lifting"),
    path("runs/<uuid:run_id>", runs.run, name="run"),
    path("runs/<uuid:run_id>/cancellation", runs.cancellation, name="run-cancellation"),
    path("runs/<uuid:run_id>/retry", runs.retry, name="run-retry"),
    path("runs/<uuid:run_id>/log", runs.log, name="run-log"),
    path("runs/<uuid:run_id>/<slug:part>", runs.part, name="run-part"),
    path("projects", apps.projects, name="projects"),
    path("projects/new", apps.new_project, name="project-new"),
    path("projects/<uuid:project_id>", apps.project, name="project"),
    path("projects/<uuid:project_id>/apps/new", apps.new_app, name="app-new"),
    path("apps/<uuid:app_id>", apps.app, name="app"),
    path("apps/<uuid:app_id>/releases/new", apps.new_release, name="release-new"),
    path("releases/<uuid:release_id>", apps.release, name="release"),
    path("sample", apps.sample, name="sample"),
    path("live", live.through_the_front_door, name="live"),
    path("live/runs/<uuid:run_id>/log", live.through_the_front_door, name="live-run-log"),
    path(
        "live/environments/<uuid:environment_id>/service-log", live.through_the_front_door, name="live-service-log"
    ),
]
