"""Which functions a check must not call, since a read-only transaction does not stop them: they act on other sessions,
on the server, on files, over the network, wait, hold locks, or execute text as SQL. What only reads is not here, even
where a server calls it volatile. An integration test holds these lists against every volatile function of real servers.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refused:
    """Names of one dialect, in lower case."""

    names: frozenset[str]
    patterns: re.Pattern[str]
    """Families of names: what a later version adds to a family is refused too."""
    schemas: frozenset[str]
    """Schemas whose every function acts on something."""

    def has(self, schema: str, name: str) -> bool:
        """Return whether a function, with its schema or "" when the query gives none, is refused."""
        name = name.lower()
        return name in self.names or schema.lower() in self.schemas or bool(self.patterns.fullmatch(name))


def names(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


POSTGRESQL = Refused(
    names=names(
        """
        pg_cancel_backend pg_terminate_backend pg_reload_conf pg_rotate_logfile pg_rotate_logfile_old pg_promote
        pg_switch_wal pg_switch_xlog pg_notify pg_export_snapshot pg_nextoid pg_extension_config_dump
        pg_import_system_collations pg_stop_making_pinned_objects pg_sync_replication_slots pg_start_backup
        pg_stop_backup pg_isolation_test_session_is_blocked
        pg_ls_dir pg_stat_file pg_logdir_ls bt_index_parent_check
        set_config setseed set_limit isn_weak nextval setval loread lowrite
        query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema
        ts_stat ts_rewrite xpath_table xslt_process crosstab crosstabn crosstab2 crosstab3 crosstab4 crosstab_hash
        connectby brin_summarize_new_values brin_summarize_range brin_desummarize_range gin_clean_pending_list
        pg_prewarm autoprewarm_dump_now autoprewarm_start_worker pg_truncate_visibility_map
        heap_force_kill heap_force_freeze pg_stat_statements_reset pg_wait_sampling_reset_profile
        postgres_fdw_disconnect postgres_fdw_disconnect_all
        query_export_to_s3 table_import_from_s3 run_command_on_workers run_command_on_shards
        run_command_on_placements run_command_on_all_nodes
        """
    ),
    patterns=re.compile(
        r"""pg_read_(?:binary_)?file.*|pg_file_.*|lo_.*|dblink.*|pg_sleep.*|pg_(?:try_)?advisory_.*
        |pg_create_.*|pg_drop_.*|pg_copy_.*|pg_backup_.*|pg_wal_replay_(?:pause|resume)|pg_xlog_replay_(?:pause|resume)
        |pg_log_.*|pg_logical_.*|pg_replication_slot_.*
        |pg_replication_origin_(?:advance|create|drop|session_reset|session_setup|xact_reset|xact_setup)
        |pg_stat_reset.*|pg_stat_force_.*|pg_stat_clear_.*|pg_clear_.*|pg_restore_.*|pg_set_.*
        |binary_upgrade_.*|pg_buffercache_(?:evict|mark).*|pg_background_.*|http_?(?:get|post|put|patch|delete|head|set.*)?""",
        re.VERBOSE,
    ),
    schemas=names("cron net aws_s3 aws_lambda utl_file dbms_alert dbms_pipe dbms_job dbms_lock"),
)

MYSQL = Refused(
    names=names(
        """
        load_file sleep benchmark analyse get_lock release_lock release_all_locks master_pos_wait master_gtid_wait
        source_pos_wait wait_for_executed_gtid_set wait_until_sql_thread_after_gtids
        nextval setval sys_eval sys_exec sys_set lib_mysqludf_sys_info
        service_get_read_locks service_get_write_locks service_release_locks
        version_tokens_set version_tokens_edit version_tokens_delete version_tokens_unlock version_tokens_lock_shared
        version_tokens_lock_exclusive mysql_query_attribute_set set_firewall_mode mysql_firewall_flush_status
        binlog_gtid_pos_wait statement_performance_analyzer
        """
    ),
    patterns=re.compile(
        r"""group_replication_(?:set|switch|enable|disable|reset).*|asynchronous_connection_failover_.*
        |keyring_key_.*|audit_log_.*|audit_api_.*|mask_dictionar.*|gen_dictionary_.*|ps_setup_.*|ps_trace_.*|ps_truncate_.*
        |create_synonym_db|execute_prepared_stmt|sys_(?:eval|exec|set).*|http_?(?:get|post|put|delete)""",
        re.VERBOSE,
    ),
    schemas=frozenset(),
)
