"""What of SQL is sent and what is refused: a table of each, and that the decision itself can't be made to hang."""

import contextlib
import time

import pytest

from services.checker.errors import QueryRefused
from services.checker.read_only import statement
from services.checker.read_only_functions import names
from shared.checks import Query, QueryType

SENT_TO_POSTGRESQL = {
    "roles": "rolname, rolvaliduntil::text FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' AND rolsuper",
    "pattern with a backslash": r"name, setting FROM pg_settings WHERE name LIKE 'log\_%' ESCAPE '\'",
    "regular expressions": "a ~ 'x', b !~* 'y', c ~~ 'z', d SIMILAR TO 'w' FROM t",
    "json operators": "a->'b', a->>'b', a#>>'{c,d}', a @> '{}', a ? 'k', a ?| ARRAY['k'] FROM t",
    "json path": "jsonb_path_query(a, '$.b'), a @? '$.c' FROM t",
    "arrays": "ARRAY[1,2] && ARRAY[2], (ARRAY[1,2])[1], ARRAY(SELECT 1), a[1:2] FROM t",
    "any": "c.relname FROM pg_class c WHERE c.relkind = ANY (ARRAY['r','p']) AND c.relkind IN ('r'::\"char\")",
    "lateral": "x.n FROM pg_database d, LATERAL (SELECT d.datname AS n) x",
    "lateral function": "a.grantee FROM pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) AS a",
    "window": "rank() OVER (PARTITION BY a ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
    "named window": "sum(a) OVER w FROM t WINDOW w AS (ORDER BY b)",
    "filter": "count(*) FILTER (WHERE a), percentile_cont(0.5) WITHIN GROUP (ORDER BY b) FROM t",
    "grouping sets": "a, b, count(*) FROM t GROUP BY GROUPING SETS ((a), (b)), ROLLUP (a), CUBE (b)",
    "union": "1 UNION ALL SELECT 2 EXCEPT SELECT 3 INTERSECT SELECT 4",
    "with inside": "* FROM (WITH a AS (SELECT 1 AS n) SELECT n FROM a) b",
    "recursive with inside": "* FROM (WITH RECURSIVE a(n) AS (SELECT 1 UNION SELECT n + 1 FROM a) SELECT n FROM a) b",
    "with materialized": "* FROM (WITH a AS MATERIALIZED (SELECT 1) SELECT * FROM a) b",
    "values": "v.a FROM (VALUES (1, 'x'), (2, 'y')) AS v(a, b)",
    "distinct on": "DISTINCT ON (a) a FROM t ORDER BY a, b DESC NULLS LAST LIMIT 5 OFFSET 2",
    "casts of names": "'pg_class'::regclass::oid, oid::regrole::text FROM pg_roles",
    "time": "now() - interval '5 minutes', extract(epoch FROM now())::bigint, now() AT TIME ZONE 'UTC'",
    "text functions": "substring(a FROM 1 FOR 3), trim(BOTH 'x' FROM b), position('a' IN c) FROM t",
    "overlay": "overlay(a PLACING b FROM 1) FROM t",
    "ordinality": "* FROM unnest(ARRAY['a']) WITH ORDINALITY AS u(name, position)",
    "records": "* FROM jsonb_to_recordset('[]') AS x(a int, b text)",
    "privileges": "has_table_privilege('a', 'b', 'SELECT'), pg_has_role('a', 'MEMBER')",
    "settings": "current_setting('ssl', true), setting FROM pg_settings WHERE name = 'ssl'",
    "file rules": "type, auth_method FROM pg_hba_file_rules WHERE auth_method = 'trust'",
    "activity": "count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND query <> ''",
    "sizes": "pg_size_pretty(pg_total_relation_size(c.oid)), pg_database_size('a') FROM pg_class c",
    "wal files": "count(*), sum(size) FROM pg_ls_waldir()",
    "recovery": "pg_is_in_recovery(), pg_last_wal_receive_lsn(), txid_current_snapshot()",
    "wraparound": "datname, age(datfrozenxid) FROM pg_database",
    "control data": "(pg_control_system()).system_identifier",
    "statements": "queryid, calls FROM pg_stat_statements ORDER BY calls DESC",
    "keyword for a name": 'a AS "select", b value, c name FROM t',
    "strings with refused names in them": "'pg_sleep(1)', $$pg_read_file('x')$$, $q$FOR UPDATE$q$, E'it\\'s'",
    "comment with refused names in it": "1 -- pg_sleep(1) FOR UPDATE INTO\n, 2 /* DELETE FROM t */",
    "named argument": "make_interval(days => 3), f(a := 1)",
    "collation and operator": "'a' COLLATE \"C\", 1 OPERATOR(pg_catalog.+) 2",
    "fetch first": "a FROM t FETCH FIRST 3 ROWS ONLY",
    "nothing but a constant": "1",
}

SENT_TO_MYSQL = {
    "accounts": "user, host, plugin FROM mysql.user WHERE authentication_string = '' AND account_locked = 'N'",
    "leading space and semicolon": "   1 AS one ;  ",
    "variables": "@@global.version, @@version_comment, @@session.sql_mode",
    "json": "JSON_EXTRACT(a, '$.b'), a->'$.b', a->>'$.c', JSON_UNQUOTE(JSON_VALUE(a, '$.d')) FROM t",
    "global_priv": "user, JSON_VALUE(Priv, '$.plugin') FROM mysql.global_priv",
    "json table": "jt.a FROM JSON_TABLE('[]', '$[*]' COLUMNS (a INT PATH '$.a')) AS jt",
    "performance schema": r"* FROM performance_schema.global_variables WHERE variable_name LIKE 'log\_%'",
    "information schema": "t.table_schema, SUM(t.data_length) DIV 1024 FROM information_schema.tables t LEFT JOIN"
    " information_schema.statistics s USING (table_schema, table_name) WHERE s.index_name IS NULL AND t.table_schema"
    " NOT IN ('mysql', 'sys') GROUP BY 1 HAVING COUNT(*) > 1 ORDER BY 2 DESC LIMIT 5, 10",
    "group_concat": "GROUP_CONCAT(DISTINCT a ORDER BY b SEPARATOR ', ') FROM t GROUP BY c WITH ROLLUP",
    "operators": "a REGEXP '^x', b RLIKE 'y', a <=> b, a XOR b, a DIV 2, a MOD 2, !a, a || b, a && b FROM t",
    "casts": "CAST(a AS UNSIGNED), CONVERT(b USING utf8mb4), BINARY c, a COLLATE utf8mb4_bin FROM t",
    "literals": "'it\\'s', \"double\", N'x', _utf8mb4'y', X'ff', 0xff, b'01'",
    "time": "TIMESTAMPDIFF(DAY, a, NOW()), DATE_SUB(NOW(), INTERVAL 1 DAY), NOW() - INTERVAL 5 MINUTE FROM t",
    "window": "ROW_NUMBER() OVER (PARTITION BY a ORDER BY b), LAG(c) OVER w FROM t WINDOW w AS (ORDER BY d)",
    "union": "1 UNION (SELECT 2 LIMIT 1) ORDER BY 1",
    "with inside": "* FROM (WITH a AS (SELECT 1 AS n) SELECT n FROM a) b",
    "hints": "SQL_NO_CACHE STRAIGHT_JOIN a FROM t USE INDEX (i) FORCE INDEX FOR JOIN (j)",
    "optimizer hint": "/*+ MAX_EXECUTION_TIME(1000) */ 1",
    "case, if": "CASE a WHEN 1 THEN 'x' ELSE 'y' END, IF(a, b, c), IFNULL(a, b) FROM t",
    "minus minus": "3 --1",
    "comments": "1 -- SLEEP(1)\n, 2 # BENCHMARK(1,1)\n, 3 /* INTO OUTFILE 'x' */",
    "strings with refused names in them": "'SLEEP(1)', \"LOAD_FILE('x')\", 'FOR UPDATE; DROP TABLE t'",
    "names like keywords": "status, events, tables, `rank`, `into`, variables FROM t",
    "locks that are only looked at": "IS_FREE_LOCK('a'), IS_USED_LOCK('a')",
    "substring": "SUBSTRING(a FROM 2 FOR 3), TRIM(LEADING 'x' FROM b), EXTRACT(YEAR FROM c) FROM t",
    "who": "CURRENT_USER(), USER(), VERSION(), DATABASE(), CONNECTION_ID()",
}

SHOWN_BY_MYSQL = {
    "global variables": "GLOBAL VARIABLES LIKE 'have_ssl'",
    "variables where": "VARIABLES WHERE Variable_name IN ('local_infile', 'skip_name_resolve')",
    "trailing semicolon": " VARIABLES LIKE 'x%' ; ",
    "status": "GLOBAL STATUS LIKE 'Ssl%'",
    "grants": "GRANTS",
    "grants for": "GRANTS FOR 'watchword'@'%'",
    "grants for, using": "GRANTS FOR 'watchword'@'%' USING 'role'",
    "replica status": "REPLICA STATUS",
    "slave status": "SLAVE STATUS",
    "all slaves status": "ALL SLAVES STATUS",
    "master status": "MASTER STATUS",
    "binary log status": "BINARY LOG STATUS",
    "binary logs": "BINARY LOGS",
    "engine status": "ENGINE INNODB STATUS",
    "engines": "ENGINES",
    "storage engines": "STORAGE ENGINES",
    "plugins": "PLUGINS",
    "plugins soname": "PLUGINS SONAME 'auth_ed25519.so'",
    "processes": "FULL PROCESSLIST",
    "databases": "DATABASES",
    "create user": "CREATE USER CURRENT_USER",
    "create table": "CREATE TABLE mysql.user",
    "columns": "FULL COLUMNS FROM mysql.user",
    "indexes": "INDEX FROM t FROM mysql",
    "open tables": "OPEN TABLES WHERE In_use > 0",
    "table status": "TABLE STATUS FROM mysql",
    "procedure status": "PROCEDURE STATUS WHERE Db = 'sys'",
    "events": "EVENTS FROM mysql",
    "triggers": "TRIGGERS",
    "warnings": "COUNT(*) WARNINGS",
    "privileges": "PRIVILEGES",
    "character sets": "CHARACTER SET LIKE 'utf8%'",
}

REFUSED_BY_POSTGRESQL = {
    "second statement": "1; DROP TABLE t",
    "semicolon in a string, as PMM": "';'",
    "select into": "* INTO copy FROM t",
    "for update": "* FROM t FOR UPDATE",
    "for no key update": "* FROM t FOR NO KEY UPDATE",
    "for share": "* FROM t FOR SHARE SKIP LOCKED",
    "for key share in a subquery": "* FROM (SELECT * FROM t FOR KEY SHARE) x",
    "delete in a with": "* FROM (WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d) x",
    "insert in a with": "* FROM (WITH d AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM d) x",
    "update in a with": "* FROM (WITH d AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM d) x",
    "merge in a with": "* FROM (WITH d AS (MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE RETURNING *)"
    " SELECT * FROM d) x",
    "not a select list": "FROM WHERE",
    "unfinished": "(",
    "comment in a comment": "1 /* a /* */ + pg_sleep(1) /* */ */",
    "hidden name": 'U&"\\0070g_sleep"(1)',
    "quoted name": '"pg_sleep"(1)',
    "qualified name": "pg_catalog.pg_sleep(1)",
    "qualified and quoted name": '"pg_catalog" . "pg_sleep" (1)',
    "upper case": "PG_SLEEP(1)",
    "comment between name and parenthesis": "pg_sleep /* x */ (1)",
    "newline between name and parenthesis": "pg_sleep\n(1)",
    "in the from clause": "* FROM pg_read_file('/etc/passwd') AS f",
    "in rows from": "* FROM ROWS FROM (pg_ls_dir('/')) AS f",
    "as an argument": "length(pg_read_binary_file('/etc/passwd')::text)",
    "in the order": "1 ORDER BY pg_cancel_backend(1)",
    "what only a template engine takes for a comment": "1 {# , pg_sleep(1) #}",
    "a space that is none": "1 --x\n,\u00a0 2",
    "a dollar quote that is none": "$1a$, pg_sleep(1), $1a$",
    "backticks": "`x, pg_sleep(1), y`",
    "a string in a tag": "$é$ $ö$ $é$, pg_sleep(1) --$ö$",
    "a comment that a carriage return ends": "1 -- x\r, pg_sleep(1)",
    "an escaped quote": "E'\\'', pg_sleep(1) --'",
    "a backslash before a quote": "'\\', pg_sleep(1) --'",
    "in an argument of XML": "xmlexists('/' PASSING query_to_xml('x', true, true, ''))",
    "in a limit": "a FROM t LIMIT pg_sleep(1)",
    "in a cast": "CAST(pg_sleep(1) AS text)",
    "in a sample": "a FROM t TABLESAMPLE system(pg_sleep(1))",
    "explain analyze": "* FROM (EXPLAIN ANALYZE DELETE FROM t) x",
    "copy": "* FROM (COPY t TO PROGRAM 'id') x",
    "with before the select": "1 UNION (WITH d AS (DELETE FROM t RETURNING 1) SELECT 1 FROM d)",
    "nested with": "* FROM (WITH a AS (WITH b AS (UPDATE t SET x = 1 RETURNING 1) SELECT * FROM b) SELECT * FROM a) x",
    "nul": "'\x00'",
    "half a surrogate pair": "'\ud800'",
}

POSTGRESQL_FUNCTIONS = sorted(
    names("""
    pg_terminate_backend pg_cancel_backend pg_read_file pg_read_file_all pg_read_binary_file pg_ls_dir pg_stat_file
    lo_import lo_export lo_create lo_unlink lo_put lo_get lowrite loread pg_sleep pg_sleep_for pg_sleep_until
    dblink dblink_exec dblink_connect dblink_send_query pg_reload_conf pg_rotate_logfile set_config nextval setval
    pg_advisory_lock pg_try_advisory_lock pg_advisory_xact_lock_shared pg_advisory_unlock_all
    query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml ts_stat ts_rewrite crosstab connectby
    xpath_table pg_switch_wal pg_promote pg_create_restore_point pg_create_physical_replication_slot
    pg_create_logical_replication_slot pg_drop_replication_slot pg_copy_logical_replication_slot
    pg_replication_slot_advance pg_logical_slot_get_changes pg_logical_slot_peek_changes pg_logical_emit_message
    pg_replication_origin_create pg_notify pg_export_snapshot pg_backup_start pg_start_backup pg_stop_backup
    pg_wal_replay_pause pg_stat_reset pg_stat_reset_shared pg_stat_statements_reset pg_file_write pg_file_unlink
    pg_prewarm pg_buffercache_evict brin_summarize_new_values gin_clean_pending_list pg_import_system_collations
    pg_log_backend_memory_contexts binary_upgrade_set_next_pg_authid_oid pg_truncate_visibility_map heap_force_kill
    http_get http_post http pg_background_launch query_export_to_s3 pg_restore_relation_stats pg_clear_relation_stats
    cron.schedule net.http_post aws_lambda.invoke utl_file.fopen bt_index_parent_check
""")
)

REFUSED_BY_MYSQL = {
    "second statement": "1; DROP TABLE t",
    "into outfile": "1 INTO OUTFILE '/tmp/x'",
    "into outfile before from": "a INTO OUTFILE '/tmp/x' FIELDS TERMINATED BY ',' FROM t",
    "into dumpfile": "1 INTO DUMPFILE '/tmp/x'",
    "into a variable": "1 INTO @x",
    "for update": "* FROM t FOR UPDATE",
    "for share": "* FROM t FOR SHARE NOWAIT",
    "lock in share mode": "* FROM t LOCK IN SHARE MODE",
    "assignment": "@a := 1",
    "version comment": "1 /*!50000 , SLEEP(1) */",
    "mariadb's version comment": "1 /*M!100000 , SLEEP(1) */",
    "comment in a comment": "1 /* /* */ , SLEEP(1) -- */",
    "quoted name": "`SLEEP`(1)",
    "space before the parenthesis": "SLEEP (1)",
    "mixed case": "sLeEp(1)",
    "in a condition": "1 FROM t WHERE a = 1 OR BENCHMARK(1000, MD5('x'))",
    "in a subquery": "(SELECT LOAD_FILE('/etc/passwd'))",
    "next value": "NEXT VALUE FOR s",
    "procedure analyse": "* FROM t PROCEDURE ANALYSE(10, 2000)",
    "what only a template engine takes for a comment": "{#\n fn sleep(1)} , #}\n 1",
    "minus minus before a space that is none": "1 --\u00a0a, sleep(1) FROM (SELECT 1 AS `\u00a0a`) t",
    "minus minus before a control character": "1 --\x1c, sleep(1)",
    "a name that a collation takes for another": "\u017fleep(1)",
    "an accent in a name": "`sl\u00e9ep`(1)",
    "a sequence in Oracle's dialect": "s.nextval",
    "the escape of ODBC": "{fn sleep(1)}",
    "an escaped quote": "'\\'', sleep(1) -- '",
    "in a hint's comment": "1 /*M! , sleep(1) */",
    "in an interval": "DATE_ADD(NOW(), INTERVAL SLEEP(1) SECOND)",
    "set_var hint": "/*+ SET_VAR(sql_mode = '') */ 1",
    "resource group hint": "/*+ RESOURCE_GROUP(x) */ 1",
}

MYSQL_FUNCTIONS = sorted(
    names("""
    load_file sleep benchmark get_lock release_lock release_all_locks master_pos_wait source_pos_wait master_gtid_wait
    wait_for_executed_gtid_set nextval setval sys_exec sys_eval group_replication_set_as_primary
    asynchronous_connection_failover_add_source keyring_key_generate keyring_key_fetch audit_log_read
    service_get_write_locks version_tokens_set
""")
)

NOT_SHOWN_BY_MYSQL = {
    "sleep in a condition": "VARIABLES WHERE Value = SLEEP(10)",
    "subquery that sleeps": "VARIABLES WHERE Value = (SELECT BENCHMARK(1, 1))",
    "subquery that locks": "STATUS WHERE Value = (SELECT a FROM t FOR UPDATE)",
    "second statement": "VARIABLES; DROP TABLE t",
    "unknown": "ME_SOMETHING_NEW",
    "nothing": "",
    "version comment": "VARIABLES /*! WHERE SLEEP(1) */",
    "into": "VARIABLES INTO OUTFILE '/tmp/x'",
}


def select(query_type: QueryType, text: str) -> Query:
    return Query(type=query_type, text=text)


@pytest.mark.parametrize("text", SENT_TO_POSTGRESQL.values(), ids=SENT_TO_POSTGRESQL)
def test_postgresql_select_that_only_reads_is_sent_as_it_is(text: str) -> None:
    assert statement(select(QueryType.POSTGRESQL_SELECT, text)).sql == f"SELECT {text}"


@pytest.mark.parametrize("text", SENT_TO_MYSQL.values(), ids=SENT_TO_MYSQL)
def test_mysql_select_that_only_reads_is_sent(text: str) -> None:
    assert statement(select(QueryType.MYSQL_SELECT, text)).sql == f"SELECT {text.strip(' ;')}"


@pytest.mark.parametrize("text", SHOWN_BY_MYSQL.values(), ids=SHOWN_BY_MYSQL)
def test_mysql_show_is_sent(text: str) -> None:
    assert statement(select(QueryType.MYSQL_SHOW, text)).sql == f"SHOW {text.strip(' ;')}"


@pytest.mark.parametrize("text", REFUSED_BY_POSTGRESQL.values(), ids=REFUSED_BY_POSTGRESQL)
def test_postgresql_select_that_could_do_more_is_refused(text: str) -> None:
    with pytest.raises(QueryRefused, match=r"^not sent: "):
        statement(select(QueryType.POSTGRESQL_SELECT, text))


@pytest.mark.parametrize("text", REFUSED_BY_MYSQL.values(), ids=REFUSED_BY_MYSQL)
def test_mysql_select_that_could_do_more_is_refused(text: str) -> None:
    with pytest.raises(QueryRefused, match=r"^not sent: "):
        statement(select(QueryType.MYSQL_SELECT, text))


@pytest.mark.parametrize("text", NOT_SHOWN_BY_MYSQL.values(), ids=NOT_SHOWN_BY_MYSQL)
def test_mysql_show_that_could_do_more_is_refused(text: str) -> None:
    with pytest.raises(QueryRefused, match=r"^not sent: "):
        statement(select(QueryType.MYSQL_SHOW, text))


@pytest.mark.parametrize("function", POSTGRESQL_FUNCTIONS)
def test_postgresql_function_that_a_read_only_transaction_does_not_stop_is_refused_by_name(function: str) -> None:
    with pytest.raises(QueryRefused, match=rf"{function.split('.')[-1]}\(\) does more than read"):
        statement(select(QueryType.POSTGRESQL_SELECT, f"a FROM t WHERE b = {function}('x', 1)"))


@pytest.mark.parametrize("function", MYSQL_FUNCTIONS)
def test_mysql_function_that_a_read_only_transaction_does_not_stop_is_refused_by_name(function: str) -> None:
    with pytest.raises(QueryRefused, match=rf"{function}\(\) does more than read"):
        statement(select(QueryType.MYSQL_SELECT, f"a FROM t WHERE b = {function}('x', 1)"))


def test_semicolon_is_refused_for_postgresql_in_the_words_of_pmm() -> None:
    with pytest.raises(QueryRefused, match=r"query contains ';'$"):
        statement(select(QueryType.POSTGRESQL_SELECT, "1;"))


def test_postgresql_show_shows_all_and_takes_no_text() -> None:
    assert statement(select(QueryType.POSTGRESQL_SHOW, "  ")).sql == "SHOW ALL"
    with pytest.raises(QueryRefused, match="takes no query text"):
        statement(select(QueryType.POSTGRESQL_SHOW, "ssl"))


def test_what_is_not_sql_is_refused() -> None:
    with pytest.raises(QueryRefused, match="MONGODB_BUILDINFO is not SQL"):
        statement(select(QueryType.MONGODB_BUILDINFO, ""))


def test_tables_are_named_as_the_query_qualifies_them() -> None:
    text = "* FROM mysql.user u JOIN db WHERE EXISTS (SELECT 1 FROM mysql.global_priv) OR 1 IN (SELECT n FROM x)"
    wanted = statement(select(QueryType.MYSQL_SELECT, text))
    assert wanted.tables == ("mysql.user", "db", "mysql.global_priv", "x")


def test_parts_of_a_with_are_no_tables() -> None:
    text = "* FROM (WITH part AS (SELECT * FROM pg_authid) SELECT * FROM part) x"
    assert statement(select(QueryType.POSTGRESQL_SELECT, text)).tables == ("pg_authid",)


@pytest.mark.parametrize(
    ("query_type", "text", "reads"),
    [
        (QueryType.POSTGRESQL_SELECT, "setting FROM pg_settings", True),
        (QueryType.POSTGRESQL_SELECT, "current_setting('statement_timeout')", True),
        (QueryType.POSTGRESQL_SELECT, "rolname FROM pg_roles WHERE rolname = 'pg_settings'", False),
        (QueryType.POSTGRESQL_SHOW, "", True),
        (QueryType.MYSQL_SELECT, "@@max_statement_time", True),
        (QueryType.MYSQL_SELECT, "* FROM information_schema.SESSION_VARIABLES", True),
        (QueryType.MYSQL_SELECT, "user FROM mysql.user", False),
        (QueryType.MYSQL_SHOW, "VARIABLES", True),
        (QueryType.MYSQL_SHOW, "GRANTS", False),
    ],
)
def test_statement_that_reads_settings_is_known(query_type: QueryType, text: str, *, reads: bool) -> None:
    assert statement(select(query_type, text)).reads_settings is reads


@pytest.mark.parametrize("query_type", [QueryType.POSTGRESQL_SELECT, QueryType.MYSQL_SELECT])
@pytest.mark.parametrize(
    "text",
    [
        "array[" * 60 + "1" + "]" * 60,
        "decimal(" * 60 + "1" + ")" * 60,
        "(" * 10_000 + "1" + ")" * 10_000,
        "not " * 6_000 + "true",
        "a" + "::int" * 6_000,
        "1" + " union select 1" * 2_000,
        "'" * 20_001,
        "/*" * 15_000,
        "x" * 1_000_000,
    ],
    ids=lambda text: f"{text[:10]}…",
)
def test_text_made_to_keep_the_parser_busy_is_decided_soon(query_type: QueryType, text: str) -> None:
    began = time.process_time()
    with contextlib.suppress(QueryRefused):
        statement(select(query_type, text))
    assert time.process_time() - began < 5


def test_refusal_of_a_long_text_is_short() -> None:
    with pytest.raises(QueryRefused) as refused:
        statement(select(QueryType.MYSQL_SELECT, "'" * 20_001))
    assert len(str(refused.value)) < 400


def test_decision_is_made_once_for_a_text() -> None:
    query = select(QueryType.POSTGRESQL_SELECT, "count(*) FROM pg_stat_activity")
    assert statement(query) is statement(query)
