"""Store the facts of an audit event in columns: the second factor, what was going on, and what changed.

Events of before keep their notes. `accounts/event_facts.py` reads the same facts from them, also from those of a server
of the version before, which inserts events without the new columns.
"""

from tortoise import fields, migrations

from models.added_columns import AddFieldInModelsOnly, Column, add_columns
from models.enum_as_text import enum_as_text
from models.security_event import SecurityEventContext


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0011_name_sort_keys")]

    initial = False

    operations = [
        add_columns(
            [
                Column("security_event", "factor", "VARCHAR(16)"),
                Column("security_event", "during", "VARCHAR(40)"),
                Column("security_event", "changes", "JSONB", sqlite="JSON"),
            ]
        ),
        AddFieldInModelsOnly("SecurityEvent", "factor", fields.CharField(max_length=16, null=True)),
        AddFieldInModelsOnly("SecurityEvent", "during", enum_as_text(SecurityEventContext, max_length=40, null=True)),
        AddFieldInModelsOnly("SecurityEvent", "changes", fields.JSONField(null=True)),
    ]
