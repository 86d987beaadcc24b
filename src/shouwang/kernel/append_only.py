"""Tables that only grow: database triggers refuse UPDATE, DELETE and TRUNCATE, whoever asks."""

from django.db.backends.base.base import BaseDatabaseWrapper

REFUSAL = "append-only"


def statements(vendor: str, table: str) -> list[str]:
    """The SQL that protects a table, for SQLite or PostgreSQL."""
    if vendor == "sqlite":
        return [f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is {REFUSAL}'); END" for act in ("UPDATE", "DELETE")]
    return [
        "CREATE OR REPLACE FUNCTION shouwang_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN RAISE EXCEPTION '% is {REFUSAL}', TG_TABLE_NAME; END $$",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION shouwang_append_only()",
    ]


def protect(connection: BaseDatabaseWrapper, table: str) -> None:
    """From now on the table only grows."""
    with connection.cursor() as cursor:
        for statement in statements(connection.vendor, table):
            cursor.execute(statement)


def unprotect(connection: BaseDatabaseWrapper, table: str) -> None:
    """Take the protection off: migrations backwards, and the cleaning between tests."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for act in ("update", "delete"):
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{act}")
        else:
            cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_change ON {table}")
