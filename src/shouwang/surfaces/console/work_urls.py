"""The working pages: today, warnings, matters, notices, the registry and its curves."""

from django.urls import URLPattern, URLResolver, path

from . import alarm_kpis, backtest, episode, export, home, matters, notices, points, registry, warnings

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.index, name="home"),
    path("warnings/", warnings.index, name="warnings"),
    path("warnings/<int:pk>/", episode.one, name="warning"),
    path("warnings/<int:pk>/acknowledge/", episode.acknowledge, name="warning-acknowledge"),
    path("warnings/<int:pk>/shelve/", episode.shelve, name="warning-shelve"),
    path("warnings/<int:pk>/evidence/", export.evidence, name="warning-evidence"),
    path("warnings/export/", export.warnings, name="warnings-export"),
    path("alarm-kpis/", alarm_kpis.index, name="alarm-kpis"),
    path("backtest/", backtest.index, name="backtest"),
    path("alarm-kpis/records/", alarm_kpis.records, name="alarm-records"),
    path("matters/", matters.index, name="matters"),
    path("matters/export/", export.matters, name="matters-export"),
    path("matters/<int:pk>/", matters.one, name="matter"),
    path("matters/<int:pk>/acts/<slug:step>/", matters.act, name="matter-act"),
    path("matters/<int:pk>/delegate/", matters.delegate, name="matter-delegate"),
    path("matters/<int:pk>/files/<int:attachment>/", matters.file, name="matter-file"),
    path("notices/", notices.index, name="notices"),
    path("notices/seen/", notices.seen, name="notices-seen"),
    path("notices/<int:pk>/read-back/", notices.read_back, name="notice-read-back"),
    path("subjects/", registry.index, name="subjects"),
    path("subjects/export/", registry.export, name="subjects-export"),
    path("subjects/<int:pk>/", registry.one, name="subject"),
    path("subjects/<int:pk>/live/", registry.live_values, name="subject-live"),
    path("points/<int:pk>/", points.one, name="point"),
    path("points/<int:pk>/live/", points.now, name="point-live"),
    path("points/<int:pk>/series.json", points.series, name="point-series"),
]
