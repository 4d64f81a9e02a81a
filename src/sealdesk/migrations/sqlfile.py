"""Run a file of SQL inside a migration's transaction."""

from pathlib import Path

from alembic import op
from sqlalchemy import text
from sqlalchemy.util import await_only

SQL = Path(__file__).parent / "sql"


def run(name: str) -> None:
    """Run `sql/<name>`. The driver's own `execute` takes several commands at once, which a prepared call refuses."""
    connection = op.get_bind()
    connection.execute(text("select 1"))  # the adapter begins its transaction lazily
    driver = connection.connection.driver_connection
    assert driver is not None
    await_only(driver.execute((SQL / name).read_text()))
