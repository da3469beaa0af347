"""The rows of a SQL query as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from semrec.errors import CatalogError
from semrec.indexer.sources.table import Table
from semrec.indexer.sources.textfile import RawRow, check_columns

_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class SqlQuery:
    """Rows of a database as items or events.

    Parameters
    ----------
    query : a SELECT statement; it is only read.
    url : of the database, for instance sqlite:///shop.db or postgresql://USER:PASSWORD@HOST/DATABASE.
    """

    query: str
    url: str = field(repr=False)


def sql_table(source: SqlQuery) -> Table:
    """Return the rows of a query as a table; the query runs each time the table is read.

    Raises
    ------
    CatalogError
        The database cannot be reached, or refuses the query.
    """
    with _rows(source) as result:
        columns = tuple(result.keys())
    check_columns("the query", columns)

    def read(_: Sequence[str] | None) -> Iterator[RawRow]:
        with _rows(source) as result:
            for number, row in enumerate(result, 1):
                yield RawRow(number, dict(zip(columns, row, strict=True)))

    return Table("the query", read, columns)


@contextmanager
def _rows(source: SqlQuery) -> Iterator[sa.CursorResult[object]]:
    """Run a query; what it changes is rolled back."""
    url = _url(source.url)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        statement = sa.text(source.query.replace(":", r"\:"))  # no parameters
        with (
            engine.connect().execution_options(yield_per=ROWS_AT_ONCE) as connection,
            closing(connection.execute(statement)) as result,
        ):
            if not result.returns_rows:
                raise CatalogError("the query returns no rows; write a SELECT statement")
            yield result
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise CatalogError(f"the query at {url.render_as_string()} failed: {reason}") from error
    finally:
        engine.dispose()


def _url(text: str) -> sa.URL:
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError as error:
        raise CatalogError(
            "the URL of the database cannot be read; write sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from error
    is_file = url.drivername == "sqlite" and url.database not in (None, "", ":memory:")
    if is_file and not Path(str(url.database)).is_file():
        raise CatalogError(f"{url.database}: there is no such database")
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
