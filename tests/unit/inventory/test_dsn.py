from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.inventory.dsn import DsnRefused, parse_dsn


def said(dsn: str) -> dict[str, object]:
    address = parse_dsn(dsn)
    fields = {name: getattr(address, name) for name in ("engine", "host", "port", "user", "database", "password")}
    return {
        **{name: value for name, value in fields.items() if value},
        **({"tls": dict(address.tls)} if address.tls else {}),
        **({"options": dict(address.options)} if address.options else {}),
    }


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        pytest.param(
            "postgresql://watchword@db1:5433/orders",
            {"engine": "postgresql", "host": "db1", "port": 5433, "user": "watchword", "database": "orders"},
            id="postgresql",
        ),
        pytest.param("postgres://db1", {"engine": "postgresql", "host": "db1"}, id="short scheme, host alone"),
        pytest.param("PostgreSQL://db1", {"engine": "postgresql", "host": "db1"}, id="scheme in capitals"),
        pytest.param(
            "postgresql://w%40tch:p%2Fw%3Ad@db1/a%20b",
            {"engine": "postgresql", "host": "db1", "user": "w@tch", "password": "p/w:d", "database": "a b"},
            id="percent signs are decoded",
        ),
        pytest.param(
            "postgresql://u:a:b@db1",
            {"engine": "postgresql", "host": "db1", "user": "u", "password": "a:b"},
            id="the first colon ends the user",
        ),
        pytest.param(
            "postgresql://u:@db1", {"engine": "postgresql", "host": "db1", "user": "u"}, id="empty password is none"
        ),
        pytest.param(
            "postgresql://u@[2001:db8::1]:5433/x",
            {"engine": "postgresql", "host": "2001:db8::1", "port": 5433, "user": "u", "database": "x"},
            id="IPv6 with a port",
        ),
        pytest.param("postgresql://[::1]", {"engine": "postgresql", "host": "::1"}, id="IPv6 without a port"),
        pytest.param(
            "postgresql:///x?host=/run/postgresql&port=5433&user=u",
            {"engine": "postgresql", "host": "/run/postgresql", "port": 5433, "user": "u", "database": "x"},
            id="socket as an option",
        ),
        pytest.param(
            "postgresql://postgres:@/postgres?host=/tmp/x%20y",
            {"engine": "postgresql", "host": "/tmp/x y", "user": "postgres", "database": "postgres"},
            id="socket with an empty authority",
        ),
        pytest.param(
            "postgresql://u@%2Frun%2Fpostgresql/x",
            {"engine": "postgresql", "host": "/run/postgresql", "user": "u", "database": "x"},
            id="socket as the host",
        ),
        pytest.param(
            "postgresql://db1/x?sslmode=verify-ca&sslrootcert=ca.pem&sslcert=c.pem&sslkey=k.pem",
            {
                "engine": "postgresql",
                "host": "db1",
                "database": "x",
                "tls": {"mode": "verify-ca", "ca_file": "ca.pem", "cert_file": "c.pem", "key_file": "k.pem"},
            },
            id="libpq's TLS",
        ),
        pytest.param(
            "postgresql://db1?sslrootcert=system",
            {"engine": "postgresql", "host": "db1", "tls": {"mode": "verify-full"}},
            id="the system's authorities",
        ),
        pytest.param(
            "postgresql://db1?sslrootcert=ca.pem",
            {"engine": "postgresql", "host": "db1", "tls": {"mode": "verify-full", "ca_file": "ca.pem"}},
            id="an authority alone verifies",
        ),
        pytest.param(
            "postgresql://db1?target_session_attrs=read-write&gssencmode=disable",
            {
                "engine": "postgresql",
                "host": "db1",
                "options": {"target_session_attrs": "read-write", "gssencmode": "disable"},
            },
            id="options that stay here",
        ),
        pytest.param(
            "mysql://root:x@db:3307/mysql",
            {
                "engine": "mysql",
                "host": "db",
                "port": 3307,
                "user": "root",
                "password": "x",
                "database": "mysql",
            },
            id="mysql",
        ),
        pytest.param("mariadb://db", {"engine": "mysql", "host": "db"}, id="mariadb is mysql's wire"),
        pytest.param(
            "mysql://root@/?unix_socket=/run/mysqld.sock",
            {"engine": "mysql", "user": "root", "options": {"unix_socket": "/run/mysqld.sock"}},
            id="mysql by socket",
        ),
        pytest.param(
            "mysql://root@%2Frun%2Fmysqld.sock/x",
            {"engine": "mysql", "user": "root", "database": "x", "options": {"unix_socket": "/run/mysqld.sock"}},
            id="mysql with the socket as the host",
        ),
        pytest.param(
            "mysql://db?tls=true", {"engine": "mysql", "host": "db", "tls": {"mode": "verify-full"}}, id="tls=true"
        ),
        pytest.param(
            "mysql://db?tls=skip-verify",
            {"engine": "mysql", "host": "db", "tls": {"mode": "require"}},
            id="skip",
        ),
        pytest.param(
            "mysql://db?ssl-mode=VERIFY_IDENTITY&ssl-ca=ca.pem",
            {"engine": "mysql", "host": "db", "tls": {"mode": "verify-full", "ca_file": "ca.pem"}},
            id="mysql's own modes",
        ),
        pytest.param(
            "mongodb://u:p@m1:27018/shop",
            {
                "engine": "mongodb",
                "host": "m1",
                "port": 27018,
                "user": "u",
                "password": "p",
                "database": "shop",
                "options": {"authSource": "shop"},
            },
            id="mongodb looks for an account in the database of the URL",
        ),
        pytest.param(
            "mongodb://m1,m2:27018,[::1]:27019/?replicaSet=rs0",
            {"engine": "mongodb", "host": "m1,m2:27018,[::1]:27019", "options": {"replicaSet": "rs0"}},
            id="mongodb on several hosts",
        ),
        pytest.param(
            "mongodb+srv://u@cluster.example/?AUTHSOURCE=admin",
            {
                "engine": "mongodb",
                "host": "cluster.example",
                "user": "u",
                "tls": {"mode": "verify-full"},
                "options": {"authSource": "admin", "srv": "true"},
            },
            id="srv has TLS; options in any case",
        ),
        pytest.param(
            "mongodb+srv://cluster.example/?tls=false",
            {"engine": "mongodb", "host": "cluster.example", "tls": {"mode": "disable"}, "options": {"srv": "true"}},
            id="srv without TLS",
        ),
        pytest.param(
            "mongodb://m1?tls=true&tlsAllowInvalidCertificates=true",
            {"engine": "mongodb", "host": "m1", "tls": {"mode": "require"}},
            id="TLS that verifies nothing",
        ),
        pytest.param(
            "mongodb://m1?ssl=true&tlsAllowInvalidHostnames=true&tlsCAFile=ca.pem&tlsCertificateKeyFile=c.pem",
            {
                "engine": "mongodb",
                "host": "m1",
                "tls": {"mode": "verify-ca", "ca_file": "ca.pem", "cert_file": "c.pem"},
            },
            id="TLS that verifies all but the name",
        ),
        pytest.param(
            "mongodb://%2Ftmp%2Fmongodb-27017.sock",
            {"engine": "mongodb", "host": "/tmp/mongodb-27017.sock"},
            id="mongodb by socket",
        ),
    ],
)
def test_address_is_read_field_by_field(dsn: str, expected: dict[str, object]) -> None:
    assert said(dsn) == expected


@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        pytest.param("host=db1 user=x", "not the URL of a database", id="libpq's other language"),
        pytest.param("postgre://db1", "'postgre' is none of a database", id="mistyped scheme"),
        pytest.param("postgresql://db1:x/y", "a host can't be understood", id="port in letters"),
        pytest.param("postgresql://db1:70000", "70000 is not a port", id="port too large"),
        pytest.param("postgresql://a,b/x", "a target is one server", id="two hosts"),
        pytest.param("postgresql:///?host=a,b", "a target is one server", id="two hosts in the option"),
        pytest.param("postgresql://db1?sslmode=allow", "'sslmode' can't be 'allow'", id="proves nothing"),
        pytest.param("postgresql://db1?passfile=/x", "option 'passfile' is not allowed", id="reads a file"),
        pytest.param("postgresql://db1?service=x", "option 'service' is not allowed", id="names a service"),
        pytest.param("postgresql://db1?port=x", "'port' is not a port", id="port option in letters"),
        pytest.param("postgresql://db1?sslmode", "each name=value", id="option without a value"),
        pytest.param("mysql://db?ssl_mode=REQUIRED&tls=true", "says again", id="two words for TLS"),
        pytest.param("mysql://db?ssl-ca=a&ssl_ca=b", "says again", id="two spellings"),
        pytest.param("mysql://db?tls=maybe", "'tls' can't be 'maybe'", id="unknown value"),
        pytest.param("mysql://db?read_default_file=/x", "'read_default_file' is not allowed", id="mysql reads a file"),
        pytest.param("mongodb://m?proxyHost=x", "'proxyHost' is not allowed", id="mongodb by a proxy"),
        pytest.param("mongodb+srv://a,b", "takes one host", id="srv with two hosts"),
        pytest.param("mongodb+srv://a:1", "takes one host", id="srv with a port"),
        pytest.param("postgresql://db1/a%zz", "written %25", id="lone percent sign"),
        pytest.param("postgresql://db1/%ff", "not UTF-8", id="no text"),
        pytest.param("postgresql://db1/%00", "%00", id="null"),
        pytest.param("postgresql://db1 /x", "not the URL", id="blank"),
        pytest.param("postgresql://db1?sslmode=require&sslmode=require", "given twice", id="twice"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(dsn: str, words: str) -> None:
    with pytest.raises(DsnRefused, match=words):
        parse_dsn(dsn)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:hun/ter2@db1/x",
        "postgresql://u:hun?ter2=1@db1/x",
        "postgresql://u:hun#ter2@db1/x",
        "postgresql://u:hun%ter2@db1/x",
        "postgresql://u:hunter2@db1:x/y",
        "postgresql://u:hunter2@db1/x?hunter2",
        "postgresql://u:hunter2@db1 /x",
        "mongodb://u:hunter2@a:b:c/x",
        "mysql://u:hunter2@db1/x?ssl-mode=no",
        "postgresql://u:hunter2",
        "postgresql://db1/x?sslmode=hun+ter2!",
        "mysql://db1/x?tls=hun%20ter2",
        "hunter2",
    ],
)
def test_no_error_repeats_what_may_be_a_password(dsn: str) -> None:
    with pytest.raises(DsnRefused) as refused:
        parse_dsn(dsn)
    shown = f"{refused.value} {refused.value.hint}"
    assert "hun" not in shown
    assert "ter2" not in shown


def test_an_address_does_not_show_its_password() -> None:
    assert "hunter2" not in repr(parse_dsn("postgresql://u:hunter2@db1"))


def test_a_mistyped_option_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(DsnRefused) as refused:
        parse_dsn("mongodb://m?replcaSet=rs0")
    assert "did you mean 'replicaSet'?" in refused.value.hint


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(user=texts, password=texts, database=texts)
def test_whatever_is_percent_encoded_comes_back_as_it_was(user: str, password: str, database: str) -> None:
    account = f"{quote(user, safe='')}:{quote(password, safe='')}"
    address = parse_dsn(f"postgresql://{account}@db1/{quote(database, safe='')}")
    assert (address.user, address.password, address.database) == (user, password, database)
