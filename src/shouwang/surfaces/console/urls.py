"""Every page of the desk and the phone."""

from django.urls import URLPattern, URLResolver, path

from . import home, login, matters, notices, registry, warnings
from .admin_urls import urlpatterns as admin

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.index, name="home"),
    path("login/", login.sign_in, name="login"),
    path("logout/", login.sign_out, name="logout"),
    path("language/", login.language, name="language"),
    path("warnings/", warnings.index, name="warnings"),
    path("warnings/<int:pk>/", warnings.one, name="warning"),
    path("warnings/<int:pk>/acknowledge/", warnings.acknowledge, name="warning-acknowledge"),
    path("warnings/<int:pk>/shelve/", warnings.shelve, name="warning-shelve"),
    path("matters/", matters.index, name="matters"),
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
    path("points/<int:pk>/", registry.point, name="point"),
    path("points/<int:pk>/series.json", registry.series, name="point-series"),
    *admin,
]
