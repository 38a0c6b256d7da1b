"""Create all tables and indexes.

`python -m tortoise makemigrations` wrote the CreateModel operations. The description of a table is the first line of the
docstring of its model. It must not contain a semicolon, at which Tortoise splits SQL statements.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops
import datetime
import functools
from json import dumps, loads
from models.challenge import SessionTransport
from models.outbox_email import EmailState
from models.security_event import SecurityEventKind
from models.user import Role
from tortoise.fields.base import OnDelete
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index
from typing import Any
from tortoise.migrations.schema_editor import BaseSchemaEditor

# The orders of the list of users, with their columns.
ORDERS = {"age": "created_at", "name": "name_key", "last_login": "last_login_at"}

# Tortoise supports neither a partial index on `IS NULL` nor an index for one dialect, so these are SQL statements.
# Each user is in one of the two partial indexes of an order. The number of backup codes is a range, so an index on it
# cannot give an order as well. But few users have few codes, and the database sorts those quickly.
INDEXES = (
    {f"user_by_role_and_{name}": f"(company_id, role, {column}, id)" for name, column in ORDERS.items()}
    | {
        f"user_with_two_factor_by_{name}": f"(company_id, {column}, id) WHERE two_factor_activated_at IS NOT NULL"
        for name, column in ORDERS.items()
    }
    | {
        f"user_without_two_factor_by_{name}": f"(company_id, {column}, id) WHERE two_factor_activated_at IS NULL"
        for name, column in ORDERS.items()
    }
    | {
        "user_by_backup_codes_remaining": (
            "(company_id, backup_codes_remaining, id) WHERE two_factor_activated_at IS NOT NULL"
        )
    }
)

# Not every installation of PostgreSQL has pg_trgm, and not every role may create an extension. Without it, a search reads
# all users of the company account.
HAS_TRIGRAMS = """
    SELECT 1 FROM pg_available_extensions
    WHERE name = 'pg_trgm'
      AND (installed_version IS NOT NULL OR has_database_privilege(current_database(), 'CREATE'))
"""

# Each sign-in updates its row, and PostgreSQL adds the new entries to a pending list. Every search reads the whole list.
# If the list is long, PostgreSQL no longer uses the index, and the sign-in that finds the list full moves all entries.
# With the default of 4 MiB both are noticeable (docs/performance.md). 64 KiB is the minimum.
PENDING_LIST_KIB = 64


async def create_text_index(_apps: Any, editor: BaseSchemaEditor) -> None:
    """Create the index for a search by a part of a name or an email, if PostgreSQL has trigrams."""
    if editor.client.capabilities.dialect != "postgres" or not await editor.client.execute_query_dict(HAS_TRIGRAMS):
        return
    await editor.client.execute_script(
        "CREATE EXTENSION IF NOT EXISTS pg_trgm;"
        "CREATE INDEX user_by_text ON user_account USING gin (search_key gin_trgm_ops) "
        f"WITH (gin_pending_list_limit = {PENDING_LIST_KIB})"
    )


async def drop_text_index(_apps: Any, editor: BaseSchemaEditor) -> None:
    """Drop the index. The extension stays, since other software may use it."""
    await editor.client.execute_script("DROP INDEX IF EXISTS user_by_text")


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name='AttemptCount',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('subject', fields.CharField(max_length=64)),
                ('factor', fields.CharField(max_length=16)),
                ('failures', fields.IntField(default=0)),
                ('failures_since_sign_in', fields.IntField(default=0)),
                ('last_attempt_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'attempt_count', 'app': 'models', 'unique_together': (('subject', 'factor'),), 'pk_attr': 'id', 'table_description': 'Attempts that were reserved and not released.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Company',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('name', fields.CharField(max_length=200)),
                ('two_factor_enforced', fields.BooleanField(default=False)),
                ('backup_codes_enabled', fields.BooleanField(default=True)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'company', 'app': 'models', 'pk_attr': 'id', 'table_description': 'A company account and its two rules about 2FA.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='OutboxEmail',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('kind', fields.CharField(max_length=40)),
                ('recipient_email', fields.CharField(max_length=254)),
                ('recipient_name', fields.CharField(max_length=200)),
                ('locale', fields.CharField(max_length=35)),
                ('facts', fields.JSONField(encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('state', fields.CharEnumField(default=EmailState.WAITING, description='', enum_type=EmailState, max_length=8)),
                ('tries', fields.SmallIntField(default=0)),
                ('next_try_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('sent_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('last_error', fields.CharField(null=True, max_length=200)),
            ],
            options={'table': 'email_outbox', 'app': 'models', 'indexes': [Index(fields=['state', 'next_try_at'])], 'pk_attr': 'id', 'table_description': 'One email to one user. It holds facts and never a secret. The worker renders the text when it sends the email.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='User',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('company', fields.ForeignKeyField('models.Company', source_field='company_id', db_constraint=True, to_field='id', related_name='users', on_delete=OnDelete.RESTRICT)),
                ('email', fields.CharField(max_length=254)),
                ('email_key', fields.CharField(unique=True, max_length=254)),
                ('name', fields.CharField(max_length=200)),
                ('name_key', fields.CharField(max_length=600)),
                ('search_key', fields.CharField(max_length=1400)),
                ('role', fields.CharEnumField(default=Role.MEMBER, description='', enum_type=Role, max_length=16)),
                ('password_hash', fields.CharField(max_length=255)),
                ('locale', fields.CharField(null=True, max_length=35)),
                ('is_enabled', fields.BooleanField(default=True)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_login_at', fields.DatetimeField(default=datetime.datetime.fromisoformat('1970-01-01T00:00:00+00:00'), auto_now=False, auto_now_add=False)),
                ('two_factor_activated_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('two_factor_last_used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('backup_codes_remaining', fields.SmallIntField(default=0)),
                ('second_factor_warned_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'user_account', 'app': 'models', 'indexes': [Index(fields=['company_id', 'created_at', 'id'], name='user_by_age'), Index(fields=['company_id', 'name_key', 'id'], name='user_by_name'), Index(fields=['company_id', 'last_login_at', 'id'], name='user_by_last_login')], 'pk_attr': 'id', 'table_description': 'A user of a company account.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Activation',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('token_hash', fields.CharField(unique=True, max_length=64)),
                ('user', fields.OneToOneField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='activation', on_delete=OnDelete.CASCADE)),
                ('encrypted_secret', fields.BinaryField()),
                ('key_id', fields.CharField(db_index=True, max_length=32)),
                ('last_step', fields.BigIntField(default=0)),
                ('attempts', fields.SmallIntField(default=0)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'activation', 'app': 'models', 'pk_attr': 'id', 'table_description': 'At most one for each user. A newer activation replaces an older one.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Authenticator',
            fields=[
                ('user', fields.OneToOneField('models.User', source_field='user_id', primary_key=True, db_index=True, db_constraint=True, to_field='id', related_name='authenticator', on_delete=OnDelete.CASCADE)),
                ('encrypted_secret', fields.BinaryField()),
                ('key_id', fields.CharField(db_index=True, max_length=32)),
                ('last_step', fields.BigIntField()),
                ('activation_token_hash', fields.CharField(max_length=64)),
                ('activated_by_acknowledgement', fields.BooleanField()),
            ],
            options={'table': 'authenticator', 'app': 'models', 'pk_attr': 'user_id', 'table_description': "An active authenticator. A row exists if and only if the user's 2FA is active."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='BackupCodeSet',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_index=True, db_constraint=True, to_field='id', related_name='backup_code_sets', on_delete=OnDelete.CASCADE)),
                ('activation', fields.ForeignKeyField('models.Activation', source_field='activation_id', null=True, db_index=True, db_constraint=True, to_field='id', related_name='backup_code_sets', on_delete=OnDelete.CASCADE)),
                ('salt', fields.BinaryField()),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'backup_code_set', 'app': 'models', 'pk_attr': 'id', 'table_description': 'Codes that were issued together. Deleting the set invalidates them.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='BackupCode',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('code_set', fields.ForeignKeyField('models.BackupCodeSet', source_field='code_set_id', db_constraint=True, to_field='id', related_name='codes', on_delete=OnDelete.CASCADE)),
                ('code_hash', fields.CharField(max_length=64)),
                ('used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'backup_code', 'app': 'models', 'unique_together': (('code_set_id', 'code_hash'),), 'pk_attr': 'id', 'table_description': 'One code. A conditional UPDATE sets `used_at` once.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Challenge',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('token_hash', fields.CharField(unique=True, max_length=64)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_index=True, db_constraint=True, to_field='id', related_name='challenges', on_delete=OnDelete.CASCADE)),
                ('transport', fields.CharEnumField(description='', enum_type=SessionTransport, max_length=8)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'challenge', 'app': 'models', 'pk_attr': 'id', 'table_description': 'A challenge works once, for `verifyLogin` only. To use it is to delete it, by a statement with a row count.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SecurityEvent',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('company', fields.ForeignKeyField('models.Company', source_field='company_id', null=True, db_constraint=True, to_field='id', related_name='events', on_delete=OnDelete.RESTRICT)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', null=True, db_constraint=True, to_field='id', related_name='events', on_delete=OnDelete.SET_NULL)),
                ('actor', fields.ForeignKeyField('models.User', source_field='actor_id', null=True, db_index=True, db_constraint=True, to_field='id', related_name='acts', on_delete=OnDelete.SET_NULL)),
                ('kind', fields.CharEnumField(description='', enum_type=SecurityEventKind, max_length=40)),
                ('occurred_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('ip_address', fields.CharField(null=True, max_length=45)),
                ('user_agent', fields.CharField(null=True, max_length=500)),
                ('note', fields.CharField(null=True, max_length=500)),
            ],
            options={'table': 'security_event', 'app': 'models', 'indexes': [Index(fields=['company_id', 'occurred_at', 'id'], name='event_of_company'), Index(fields=['company_id', 'kind', 'occurred_at', 'id'], name='event_of_kind'), Index(fields=['user_id', 'occurred_at', 'id'], name='event_of_user')], 'pk_attr': 'id', 'table_description': 'An audit event. The transaction of the change inserts it, and no code updates it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Session',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('token_hash', fields.CharField(unique=True, max_length=64)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_index=True, db_constraint=True, to_field='id', related_name='sessions', on_delete=OnDelete.CASCADE)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_seen_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ('ip_address', fields.CharField(null=True, max_length=45)),
                ('user_agent', fields.CharField(null=True, max_length=500)),
                ('second_factor', fields.CharField(null=True, max_length=16)),
            ],
            options={'table': 'session', 'app': 'models', 'pk_attr': 'id', 'table_description': 'A live session. To end a session is to delete its row.'},
            bases=['Model'],
        ),
        # Tortoise stores a different state for a model whose primary key is a relation. Without this operation
        # `makemigrations` finds a change.
        ops.AlterModelOptions(
            name='Authenticator',
            options={'table': 'authenticator', 'app': 'models', 'pk_attr': 'user_id', 'table_description': "An active authenticator. A row exists if and only if the user's 2FA is active."},
        ),
        ops.RunSQL(
            [f"CREATE INDEX {name} ON user_account {definition}" for name, definition in INDEXES.items()],
            [f"DROP INDEX {name}" for name in INDEXES],
        ),
        ops.RunPython(create_text_index, drop_text_index),
    ]
