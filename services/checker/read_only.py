"""Whether the SQL of a check may be sent: a single statement that only reads, and that calls nothing a read-only
transaction would let through. It is decided by parsing, before anything goes to a server, and what can't be parsed is
refused. The decision says also which tables a statement reads, so that a missing privilege can be named. The servers'
own read-only transactions and timeouts stand behind this; they are for the engines.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.parser import Parser
from sqlglot.parsers.mysql import MySQLParser
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.tokenizer_core import Token, TokenType

from services.checker import read_only_functions
from services.checker.errors import QueryRefused
from services.checker.read_only_reading import Dialect, misread
from shared.checks import Query, QueryType

LONGEST_STATEMENT = 32 * 1024

MOST_NODES = 5_000
"""Of a parsed statement, and of the attempts at it: some nestings take twice as long for each level."""

REFUSED_FUNCTIONS = {"postgres": read_only_functions.POSTGRESQL, "mysql": read_only_functions.MYSQL}


class PostgresqlParser(PostgresParser):
    """Takes functions for what they are called, not for what they do: their names are looked at in the text."""

    FUNCTIONS: ClassVar[dict[str, Callable[..., exp.Expr]]] = {}


class MysqlParser(MySQLParser):
    """The same for MySQL. The builders of known functions refuse arguments that servers take, or break on them."""

    FUNCTIONS: ClassVar[dict[str, Callable[..., exp.Expr]]] = {}


PARSERS: dict[Dialect, type[Parser]] = {"postgres": PostgresqlParser, "mysql": MysqlParser}

REFUSED_EXPRESSIONS = (
    exp.Command,
    exp.DDL,
    exp.DML,
    exp.Into,
    exp.Lock,
    exp.Alter,
    exp.Analyze,
    exp.Block,
    exp.Drop,
    exp.Kill,
    exp.Pragma,
    exp.Set,
    exp.Transaction,
    exp.TruncateTable,
    exp.Use,
)
"""What no statement that only reads has anywhere in its tree."""

SHOW_WORDS = read_only_functions.names(
    """
    all analyze authors binary binlog character client collate collation columns contributors count create data database
    databases engine engines errors events explain extended fields full function global grants host hosts index indexes
    innodb_status keys local locales log logs master open package parse_tree plugins privileges procedure processlist
    profile profiles query_response_time relaylog replica replicas schemas session slave slaves status storage table
    tables table_statistics index_statistics user_statistics client_statistics trigger triggers user_variables variables
    view warnings wsrep_membership wsrep_status
    """
)
"""The words after SHOW that are known to show something; a later version's new word is added here first."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that may be sent."""

    sql: str
    tables: tuple[str, ...] = ()
    """The tables it names, as the query qualifies them: ``mysql.user``, ``pg_authid``."""
    reads_settings: bool = False
    """It may read the session's own settings, which an engine must then leave as the server gave them."""
    has_backslash: bool = False
    """Its text means something else where the server takes backslashes in strings otherwise than usual."""
    has_double_quote: bool = False


SHOW_ALL = Statement("SHOW ALL", reads_settings=True)


@dataclass(frozen=True, slots=True)
class _Refusal:
    why: str


def statement(query: Query) -> Statement:
    """Return the statement that a query asks for. Raises ``QueryRefused``."""
    decision = _decide(query.type, query.text)
    if isinstance(decision, _Refusal):
        message = f"not sent: {decision.why}"
        raise QueryRefused(message)
    return decision


@lru_cache(maxsize=4096)
def _decide(query_type: QueryType, text: str) -> Statement | _Refusal:
    match query_type:
        case QueryType.POSTGRESQL_SHOW:
            return _Refusal("POSTGRESQL_SHOW takes no query text") if text.strip() else SHOW_ALL
        case QueryType.POSTGRESQL_SELECT:
            if ";" in text:
                return _Refusal("query contains ';'")
            return _decide_select("postgres", f"SELECT {text}")
        case QueryType.MYSQL_SELECT:
            return _decide_select("mysql", f"SELECT {_without_end(text)}")
        case QueryType.MYSQL_SHOW:
            return _decide_show(f"SHOW {_without_end(text)}")
        case _:
            return _Refusal(f"{query_type} is not SQL")


def _without_end(text: str) -> str:
    return text.strip().rstrip("; \t\r\n")


def _decide_select(dialect: Dialect, sql: str) -> Statement | _Refusal:
    tokens = _tokens(dialect, sql)
    if isinstance(tokens, _Refusal):
        return tokens
    tree = _tree(dialect, tokens, sql)
    if isinstance(tree, _Refusal):
        return tree
    refusal = _refused_tokens(dialect, tokens) or _refused_tree(tree)
    if refusal:
        return _Refusal(refusal)
    tables = tuple(dict.fromkeys(_table_names(tree)))
    return Statement(
        sql=sql,
        tables=tables,
        reads_settings=_reads_settings(tokens),
        has_backslash="\\" in sql,
        has_double_quote='"' in sql,
    )


def _decide_show(sql: str) -> Statement | _Refusal:
    tokens = _tokens("mysql", sql)
    if isinstance(tokens, _Refusal):
        return tokens
    if len(tokens) < 2 or tokens[1].text.lower() not in SHOW_WORDS:
        word = tokens[1].text if len(tokens) > 1 else ""
        return _Refusal(f"SHOW {word} is not known to this version")
    refusal = _refused_tokens("mysql", tokens)
    if refusal:
        return _Refusal(refusal)
    where = next((token for token in tokens if token.token_type is TokenType.WHERE), None)
    if where is not None:
        # Only the condition holds expressions; a statement that has one and the same condition is one that parses.
        condition = f"SELECT 1 FROM shown {sql[where.start :]}"  # noqa: S608 (parsed, never sent)
        tree = _tree("mysql", sqlglot.tokenize(condition, dialect="mysql"), condition)
        refusal = tree.why if isinstance(tree, _Refusal) else _refused_tree(tree)
        if refusal:
            return _Refusal(refusal)
    return Statement(
        sql=sql,
        reads_settings=_reads_settings(tokens),
        has_backslash="\\" in sql,
        has_double_quote='"' in sql,
    )


def _tokens(dialect: Dialect, sql: str) -> Sequence[Token] | _Refusal:
    if len(sql) > LONGEST_STATEMENT:
        return _Refusal(f"the query is longer than {LONGEST_STATEMENT} characters")
    if "\x00" in sql or any("\ud800" <= character <= "\udfff" for character in sql):
        return _Refusal("the query has a character that no server takes (NUL or half of a surrogate pair)")
    try:
        tokens = sqlglot.tokenize(sql, dialect=dialect)
    except Exception as error:  # noqa: BLE001 (whatever ends the tokenizer, nothing was shown by it)
        return _Refusal(f"the query can't be read as SQL ({_first_line(error)})")
    if dialect == "mysql" and ("/*!" in sql or "/*m!" in sql.lower()):
        return _Refusal("a comment /*! … */ is code for some versions of the server; write the query without it")
    if reason := misread(dialect, tokens, sql):
        return _Refusal(reason)
    if any("/*" in comment for token in tokens for comment in token.comments):
        # MySQL ends a comment at the first */, PostgreSQL at the last: nobody should have to know which applies.
        return _Refusal("a comment within a comment hides what is executed; write the query without it")
    return tokens


def _tree(dialect: Dialect, tokens: Sequence[Token], sql: str) -> exp.Expr | _Refusal:
    try:
        trees = PARSERS[dialect](dialect=dialect, max_nodes=MOST_NODES).parse(list(tokens), sql)
    except Exception as error:  # noqa: BLE001 (whatever ends the parser, nothing was shown by it)
        return _Refusal(f"the query can't be parsed, so nothing shows that it only reads ({_first_line(error)})")
    if len(trees) != 1 or trees[0] is None:
        return _Refusal("it is not a single statement")
    return trees[0]


def _first_line(error: BaseException) -> str:
    # The parser underlines the place with terminal colours.
    return str(error).split("\n", 1)[0].replace("\x1b[4m", "").replace("\x1b[0m", "")[:200] or type(error).__name__


def _refused_tokens(dialect: Dialect, tokens: Sequence[Token]) -> str:
    refused = REFUSED_FUNCTIONS[dialect]
    for schema, name in _calls(tokens):
        if refused.has(schema, name):
            return f"{name}() does more than read; a read-only transaction does not stop it"
        if dialect == "mysql" and not name.isascii():
            return f"the function {name}() is not named in ASCII; a server may take it for another one"
    for token in tokens:
        kind, text = token.token_type, token.text.lower()
        if kind is TokenType.SEMICOLON:
            return "it is more than a single statement"
        if kind is TokenType.INTO:
            return "INTO writes a table, a file or a variable"
        if kind is TokenType.HINT and ("set_var" in text or "resource_group" in text):
            return "an optimizer hint that sets a variable changes the session"
        if dialect == "mysql" and kind is TokenType.COLON_EQ:
            return ":= assigns a variable"
    for token, following in pairwise(tokens):
        if _is_word(token, "next") and _is_word(following, "value"):
            return "NEXT VALUE FOR moves a sequence on"
        if dialect == "mysql" and token.token_type is TokenType.DOT and _is_word(following, "nextval"):
            return "NEXTVAL moves a sequence on, where the server speaks Oracle's dialect"
        if dialect == "postgres" and _is_word(token, "u") and following.token_type is TokenType.AMP:
            return 'U&"…" hides a name; write it plainly'
    return ""


def _is_word(token: Token, word: str) -> bool:
    return token.token_type is not TokenType.STRING and token.text.lower() == word


def _calls(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """Yield schema and name of whatever stands before an opening parenthesis, quoted or not: calls, and some more."""
    for position in range(1, len(tokens)):
        if tokens[position].token_type is not TokenType.L_PAREN:
            continue
        name = tokens[position - 1].text
        qualified = position >= 3 and tokens[position - 2].token_type is TokenType.DOT
        yield (tokens[position - 3].text if qualified else ""), name


def _refused_tree(tree: exp.Expr) -> str:
    if not isinstance(tree, exp.Query):
        return f"it is not a SELECT ({tree.key})"
    for node in tree.walk():
        if isinstance(node, REFUSED_EXPRESSIONS):
            return _why(node)
        if isinstance(node, exp.CTE) and not isinstance(node.this, exp.Query | exp.Values):
            return "a WITH part that is not a query"
    return ""


def _why(node: exp.Expr) -> str:
    if isinstance(node, exp.Lock):
        return "it locks rows (FOR UPDATE, FOR SHARE)"
    if isinstance(node, exp.Into):
        return "INTO writes a table, a file or a variable"
    return f"it does not only read ({node.key.upper()})"


def _table_names(tree: exp.Expr) -> Iterator[str]:
    named_here = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        name = ".".join(part.name for part in table.parts if part.name)
        if name and name not in named_here and isinstance(table.this, exp.Identifier):
            yield name


def _reads_settings(tokens: Sequence[Token]) -> bool:
    return any(
        token.token_type is TokenType.SESSION_PARAMETER
        or token.text.lower().endswith(("variables", "settings", "current_setting"))
        for token in tokens
        if token.token_type is not TokenType.STRING
    )
