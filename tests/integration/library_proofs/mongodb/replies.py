"""What MongoDB's manual says that its commands answer, for the proofs that no server at hand can bring. The replies lie
whole in ``tests/data/mongodb_replies``, each with its source and version, and are read the way that a checker reads
those of a server.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import bson
from bson import json_util

from services.checker.engines.mongodb_commands import without_keys
from services.checker.engines.mongodb_values import row, unpacked

Reply = dict[str, Any]

_FOLDER = Path(__file__).parents[3] / "data" / "mongodb_replies"


@cache
def _file(name: str) -> Reply:
    document: Reply = json.loads((_FOLDER / f"{name}.json").read_text())
    return document


def source(*names: str) -> str:
    """Return where the replies are documented, and for which version."""
    return " and ".join(f"{_file(name)['source']} ({_file(name)['version']})" for name in names)


def reply(name: str, **changed: Any) -> list[Reply]:
    """Return a documented reply as a script sees it, with fields changed or added."""
    document = json_util.loads(json.dumps(_file(name)["reply"]))
    return [dict(row(unpacked(bson.encode(document | changed))))]


def options(**sections: Reply) -> list[Reply]:
    """Return the reply to getCmdLineOpts, with sections of mongod.conf added or replaced."""
    (document,) = reply("get_cmd_line_opts")
    return [document | {"parsed": document["parsed"] | sections}]


def user(**changed: Any) -> list[Reply]:
    """Return the reply to usersInfo with its one user changed, without the keys that a checker takes out."""
    (document,) = reply("users_info")
    return [document | {"users": [without_keys(document["users"][0] | changed)]}]


def nobody() -> list[Reply]:
    """Return the reply to connectionStatus of a connection that did not log in."""
    return reply(
        "connection_status",
        authInfo={"authenticatedUsers": [], "authenticatedUserRoles": [], "authenticatedUserPrivileges": []},
    )


def connection(*, is_encrypted: bool = False) -> list[Reply]:
    """Return what a checker tells of its own connection."""
    return [
        {
            "encrypted": is_encrypted,
            "tls_version": "TLSv1.3" if is_encrypted else None,
            "cipher": "TLS_AES_256_GCM_SHA384" if is_encrypted else None,
            "authentication": "SCRAM-SHA-256",
            "user": "watchword@admin",
            "server_version": "8.0.4",
            "flavour": "mongodb",
            "password_used": True,
        }
    ]
