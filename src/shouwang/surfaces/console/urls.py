"""Every page of the desk and the phone."""

from django.urls import URLPattern, URLResolver, path

from . import login
from .admin_urls import urlpatterns as admin
from .work_urls import urlpatterns as work

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", login.sign_in, name="login"),
    path("logout/", login.sign_out, name="logout"),
    path("language/", login.language, name="language"),
    *work,
    *admin,
]
