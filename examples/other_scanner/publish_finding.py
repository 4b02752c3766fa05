"""A scanner of another kind takes part: what it finds becomes an alert like any other.

It publishes results under an engine name of its own. The last verdict of a subject is its current state: publish
`failed` with findings to raise, `passed` to resolve. A verdict that nobody repeats expires (`expires_at`, 7 days when
silent). Needs nothing but nats-py.

    python publish_finding.py --nats nats://localhost:4222 --image registry/shop:1.4 --vulnerability CVE-2026-0001
    python publish_finding.py --nats nats://localhost:4222 --image registry/shop:1.4
"""

import argparse
import asyncio
import datetime as dt
import json
import sys

import nats

ENGINE, CHECK = "container", "image_vulnerabilities"


def token(name: str) -> str:
    """Encode a name for a subject: letters, digits, _ and - stand for themselves, any other byte is =HH."""
    plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
    return "".join(chr(byte) if byte in plain else f"={byte:02X}" for byte in name.encode())


async def publish(server: str, image: str, vulnerabilities: list[str]) -> None:
    """Publish the current state of one image."""
    findings = [
        {
            "summary": f"{image} has {name}",
            "description": "A known vulnerability with a fix. Rebuild the image on a patched base.",
            "severity": "critical",
            "labels": {"vulnerability": name},
            "read_more_url": f"https://nvd.nist.gov/vuln/detail/{name}",
        }
        for name in vulnerabilities
    ]
    now = dt.datetime.now(dt.UTC)
    result = {
        "status": "failed" if findings else "passed",
        "engine": ENGINE,
        "target": image,
        "check": CHECK,
        "findings": findings,
        "labels": {"team": "shop"},
        "expires_at": (now + dt.timedelta(days=2)).isoformat(),
    }
    connection = await nats.connect(server, max_reconnect_attempts=2)
    try:
        subject = f"check.result.verdict.{ENGINE}.{token(image)}.{CHECK}"
        stored = await connection.jetstream().publish(subject, json.dumps(result).encode())
        print(f"{result['status']}: stored as {stored.seq} of {stored.stream}")
    finally:
        await connection.close()


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nats", default="nats://localhost:4222", help="NATS server")
    parser.add_argument("--image", required=True, help="image that was scanned")
    parser.add_argument("--vulnerability", action="append", default=[], help="what was found; none: it is clean")
    chosen = parser.parse_args()
    asyncio.run(publish(chosen.nats, chosen.image, chosen.vulnerability))
    return 0


if __name__ == "__main__":
    sys.exit(main())
