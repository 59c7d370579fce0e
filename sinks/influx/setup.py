"""Buckets, down-sampling task and tokens in InfluxDB, made once and found again: running it twice changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.authorization import Authorization
from influxdb_client.domain.bucket import Bucket
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.onboarding_request import OnboardingRequest
from influxdb_client.domain.organization import Organization
from influxdb_client.domain.permission import Permission
from influxdb_client.domain.permission_resource import PermissionResource
from influxdb_client.domain.task import Task
from influxdb_client.domain.task_create_request import TaskCreateRequest
from influxdb_client.domain.task_update_request import TaskUpdateRequest
from influxdb_client.rest import ApiException
from influxdb_client.service.setup_service import SetupService
from urllib3.exceptions import HTTPError

from sinks.errors import DatabaseRefused
from sinks.influx.queries import TASK, downsample_flux
from sinks.settings import InfluxSettings

__all__ = ["READ_TOKEN", "WRITE_TOKEN", "InfluxSetup", "first_setup", "set_up"]

WRITE_TOKEN, READ_TOKEN = "influx-write.token", "influx-read.token"
_WRITER, _READER = "p2es writer", "p2es reader"


@dataclass(frozen=True, slots=True)
class InfluxSetup:
    """Where the tokens lie: readable by their owner only."""

    write_token: Path
    read_token: Path


def first_setup(url: str, org: str, password: str, token: str) -> None:
    """The first user, organisation and all-powerful token of a database that has none."""
    with InfluxDBClient(url, "") as client:
        request = OnboardingRequest(username="p2es", password=password, org=org, bucket="unused", token=token)
        SetupService(client.api_client).post_setup(onboarding_request=request)


def set_up(settings: InfluxSettings, admin_token: str, folder: Path, say: Callable[[str], None]) -> InfluxSetup:
    """Make what is missing, mend what differs. folder: for the token files. Raises DatabaseRefused."""
    try:
        with InfluxDBClient(settings.url, admin_token, org=settings.org, timeout=10_000) as client:
            org = _organisation(client, settings, say)
            raw = _bucket(client, org, settings.bucket, round(3600 * settings.retention_h), say)
            archive = _bucket(client, org, settings.archive_bucket, round(86_400 * settings.archive_days), say)
            _task(client, org, settings, say)
            folder.mkdir(parents=True, exist_ok=True)
            files = InfluxSetup(folder / WRITE_TOKEN, folder / READ_TOKEN)
            _token(client, org, _WRITER, [("write", raw)], files.write_token, say)
            _token(client, org, _READER, [("read", raw), ("read", archive)], files.read_token, say)
    except ApiException as error:
        if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise DatabaseRefused(
                f"InfluxDB at {settings.url} refuses this token: p2es influx init needs one that may make buckets"
            ) from error
        raise DatabaseRefused(f"InfluxDB at {settings.url}: {error.status} {error.message or error.reason}") from error
    except (HTTPError, OSError) as error:
        raise DatabaseRefused(f"no InfluxDB at {settings.url}: is it running, and is influx.url right?") from error
    return files


def _organisation(client: InfluxDBClient, settings: InfluxSettings, say: Callable[[str], None]) -> Organization:
    api = client.organizations_api()
    found = [one for one in api.find_organizations() if one.name == settings.org]
    if found:
        return found[0]
    say(f"organisation {settings.org} made")
    return api.create_organization(settings.org)


def _bucket(client: InfluxDBClient, org: Organization, name: str, keep_s: int, say: Callable[[str], None]) -> Bucket:
    rules = [BucketRetentionRules(type="expire", every_seconds=keep_s)] if keep_s else []
    api = client.buckets_api()
    bucket = next((one for one in api.find_buckets_iter(org=org.name) if one.name == name), None)
    if bucket is None:
        say(f"bucket {name} made, kept {_period(keep_s)}")
        return api.create_bucket(bucket_name=name, retention_rules=rules, org=org)
    known = sum(rule.every_seconds for rule in bucket.retention_rules or [])
    if known != keep_s:
        bucket.retention_rules = rules
        say(f"bucket {name}: kept {_period(keep_s)} instead of {_period(known)}")
        bucket = api.update_bucket(bucket=bucket)
    return bucket


def _period(seconds: int) -> str:
    return f"{seconds / 3600:g} h" if seconds else "for ever"


def _task(client: InfluxDBClient, org: Organization, settings: InfluxSettings, say: Callable[[str], None]) -> None:
    flux = downsample_flux(settings)
    api = client.tasks_api()
    found: list[Task] = [one for one in api.find_tasks(org_id=org.id) if one.name == TASK]
    if not found:
        api.create_task(task_create_request=TaskCreateRequest(org_id=org.id, flux=flux, status="active"))
        say("down-sampling task made")
    elif (found[0].flux or "").strip() != flux.strip():
        api.update_task_request(found[0].id, TaskUpdateRequest(flux=flux))
        say("down-sampling task mended")


def _token(
    client: InfluxDBClient,
    org: Organization,
    name: str,
    rights: list[tuple[str, Bucket]],
    file: Path,
    say: Callable[[str], None],
) -> None:
    """InfluxDB shows a token again to those who may: a lost file is written anew."""
    api = client.authorizations_api()
    wanted = {(action, bucket.id) for action, bucket in rights}
    for one in api.find_authorizations(org_id=org.id):
        if one.description == name and {(p.action, p.resource.id) for p in one.permissions} == wanted:
            token = str(one.token)
            break
    else:
        permissions = [
            Permission(action, PermissionResource(type="buckets", id=bucket.id, org_id=org.id))
            for action, bucket in rights
        ]
        made = Authorization(org_id=org.id, permissions=permissions)
        made.description = name
        token = str(api.create_authorization(authorization=made).token)
        say(f"token of the {name} made")
    if not file.exists() or file.read_text() != token:
        file.touch(0o600)
        file.chmod(0o600)
        file.write_text(token)
        say(f"{file} written")
