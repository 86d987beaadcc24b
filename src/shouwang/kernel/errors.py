"""The few ways the product says no. Every message is Chinese, names the place and the remedy."""


class ShouwangError(Exception):
    """Something the user can put right; `str()` is what to show."""


class ContentError(ShouwangError):
    """A declaration (scene, catalog, pattern, locality) is wrong: file, item and remedy."""


class NotAllowed(ShouwangError):
    """The person, the state or the credential does not permit this act."""


class BadInput(ShouwangError):
    """What was submitted cannot be taken: field or row, reason, remedy."""


class SignInFirst(ShouwangError):
    """Nobody is signed in where somebody must be."""
