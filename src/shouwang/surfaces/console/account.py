"""The signed-in person of a guarded request."""

from django.http import HttpRequest

from shouwang.kernel.errors import SignInFirst
from shouwang.kernel.models import Account


def who(request: HttpRequest) -> Account:
    """The account; a guarded view has one."""
    if not isinstance(request.user, Account):
        raise SignInFirst("请先登录")
    return request.user
