"""Which steps a start takes."""

from sealdesk.core.migrate import migrate
from sealdesk.core.postgres import Cluster
from sealdesk.core.settings import Settings
from sealdesk.up import plan
from sealdesk.up.run import Step


def steps(settings: Settings, cluster: Cluster | None) -> list[str]:
    return [" ".join(each.arguments) for each in plan.course(settings, cluster) if isinstance(each, Step)]


def test_what_a_former_start_has_done_is_left_out(cluster: Cluster) -> None:
    settings = Settings.load({"SEALDESK_DATA": str(cluster.data), "SEALDESK_ENV": "development"})
    cluster.ensure_database("sealdesk")
    assert steps(settings, cluster) == ["db migrate", "init"]
    migrate(cluster.superuser_dsn(), settings.credentials)
    assert steps(settings, cluster) == ["init"]
    cluster.sql("update public.alembic_version set version_num = '0000'", "sealdesk")
    assert steps(settings, cluster) == ["db migrate", "init"]
    cluster.sql('drop database "sealdesk"')


def test_a_demonstration_is_filled_after_the_signer_began(cluster: Cluster) -> None:
    settings = Settings.load({"SEALDESK_DATA": str(cluster.data)}, demo=True)
    cluster.ensure_database("sealdesk")
    course = plan.course(settings, cluster)
    names = [" ".join(each.arguments) if isinstance(each, Step) else each.name for each in course]
    assert names == ["db migrate", "signer", "init", "demo", "worker", "web server", "example site"]
    cluster.sql('drop database "sealdesk"')


def test_each_web_process_is_a_part() -> None:
    settings = Settings.load({"SEALDESK_WEB_PROCESSES": "3"})
    assert [part.name for part in plan.web(settings)] == ["web server 1", "web server 2", "web server 3"]
