"""A cheap method of hashing passwords, for the accounts of tests. The real one takes 50 ms."""

from domain import passwords


def use() -> None:
    """Hash passwords in this process by the cheap method from now on."""
    passwords.METHOD = "scrypt:512:8:1"
