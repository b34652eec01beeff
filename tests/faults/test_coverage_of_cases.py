"""Faults and abuses, each with the tests that show it, on the databases where it applies."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from tests.support.senders import ROOT

SQLITE = frozenset({"sqlite"})
SERVERS = frozenset({"postgresql", "mariadb"})
ALL = SQLITE | SERVERS
NONE: frozenset[str] = frozenset()
NODE = re.compile(r"^tests/([^\[\s]+)(?:\[(.*)\])?$", re.MULTILINE)
DIALECTS = {"mysql": "mariadb"}


class Case(NamedTuple):
    """One fault: what happens, on which databases it has to be shown, and by which tests."""

    fault: str
    databases: frozenset[str]
    """Empty where no database has a part in it."""
    tests: tuple[str, ...]


CASES: Mapping[int | str, Case] = {
    1: Case(
        "25 of the senders of 2,500 mails are killed",
        ALL,
        ("faults/test_killed_senders.py::test_case_01_killed_senders_lose_nothing",),
    ),
    2: Case(
        "a sender is killed between its claim and the mail",
        ALL,
        (
            "faults/test_killed_senders.py::test_case_02_killed_between_claim_and_mail",
            "faults/test_killed_senders.py::test_case_02_killed_behind_every_statement",
        ),
    ),
    3: Case(
        "a sender is killed between the final dot and its answer",
        ALL,
        (
            "faults/test_killed_senders.py::test_case_03_killed_between_dot_and_answer",
            "faults/test_killed_senders.py::test_case_03_parked_where_asked_to",
        ),
    ),
    4: Case(
        "SIGTERM, reload and recycling in the middle of a slow mail",
        ALL,
        (
            "faults/test_ends.py::test_case_04_asked_to_end_in_a_slow_mail",
            "faults/test_ends.py::test_case_04_web_process_ends_within_its_grace",
            "faults/test_ends.py::test_case_04_ended_twice_is_ended_at_once",
            "acceptance/test_servers.py::TestGunicorn::test_recycled_worker",
            "acceptance/test_servers.py::TestGunicorn::test_reload_in_the_middle_of_a_batch",
        ),
    ),
    5: Case(
        "a sender is frozen for three leases",
        ALL,
        (
            "faults/test_killed_senders.py::test_case_05_frozen_sender_does_no_harm",
            # A frozen process keeps the lock of an SQLite file; nobody can take it away.
            "faults/test_killed_senders.py::test_case_05_frozen_while_it_claims",
        ),
    ),
    6: Case(
        "ten senders share 5,000 mails",
        ALL,
        ("faults/test_throng.py::test_cases_06_and_07_ten_processes",),
    ),
    7: Case(
        "ten senders keep one rate",
        ALL,
        ("faults/test_throng.py::test_cases_06_and_07_ten_processes",),
    ),
    8: Case(
        "the database is away for longer than a lease",
        SERVERS,
        (
            "faults/test_database_outages.py::test_case_08_outage_between_answer_and_record",
            "faults/test_database_outages.py::test_case_08_outage_before_the_first_byte",
            "faults/test_poller_pauses.py::test_case_08_longest_pause_is_within_a_tick",
        ),
    ),
    9: Case(
        "the database is restarted under an idle sender",
        SERVERS,
        (
            "faults/test_database_outages.py::test_case_09_connections_lost_while_idle",
            "faults/test_database_outages.py::test_case_09_health_shows_the_gap_and_its_end",
            "faults/test_poller_pauses.py::test_case_09_wake_up_ends_the_pause",
        ),
    ),
    10: Case(
        "the site holds the write lock of its SQLite file",
        SQLITE,
        (
            "faults/test_site_transactions.py::test_case_10_locked_file_is_waited_for",
            "faults/test_site_transactions.py::test_case_10_site_meets_no_lock_of_ours",
        ),
    ),
    11: Case(
        "every statement fails once with every passing error",
        ALL,
        (
            "faults/test_database_errors.py::test_case_11_every_statement_fails_once",
            "faults/test_database_errors.py::test_case_11_senders_never_fail_the_site",
            "faults/test_database_outages.py::test_case_11_lost_answer_to_a_commit",
        ),
    ),
    12: Case(
        "the site rolls back what has queued a mail",
        ALL,
        ("faults/test_site_transactions.py::test_case_12_what_is_rolled_back_never_was",),
    ),
    13: Case(
        "a mail is queued in a transaction that stays open",
        # On SQLite such a transaction holds up every writer: case 10.
        SERVERS,
        (
            "faults/test_site_transactions.py::"
            "test_case_13_long_transaction_delays_only_its_own_mail",
        ),
    ),
    14: Case(
        "the mail server is away for two hours",
        ALL,
        ("faults/test_failing_servers.py::test_case_14_outage_of_two_hours",),
    ),
    15: Case(
        "the login is refused",
        ALL,
        ("faults/test_failing_servers.py::test_case_15_refused_login",),
    ),
    16: Case(
        "four poisonous mails among a hundred",
        ALL,
        ("faults/test_failing_servers.py::test_case_16_poison_harms_only_itself",),
    ),
    17: Case(
        "a lasting temporary refusal",
        ALL,
        ("faults/test_failing_servers.py::test_case_17_attempts_and_their_spacing",),
    ),
    18: Case(
        "of three recipients one is accepted, one put off, one refused",
        ALL,
        ("faults/test_failing_servers.py::test_case_18_each_recipient_has_an_end_of_its_own",),
    ),
    19: Case(
        "421 at any stage, and after the hundredth mail",
        ALL,
        (
            "faults/test_failing_servers.py::test_case_19_421_costs_nobody_an_attempt",
            "faults/test_failing_servers.py::"
            "test_case_19_connection_is_renewed_before_it_is_worn_out",
        ),
    ),
    20: Case(
        "a mail server that answers anything, at any stage",
        NONE,
        (
            "faults/test_lying_servers.py::test_whatever_a_server_says_at_first",
            "faults/test_lying_servers.py::test_whatever_a_server_says_to_mail",
            "faults/test_lying_servers.py::test_endless_reply_takes_little_memory",
            "faults/test_lying_servers.py::test_password_is_never_readable",
        ),
    ),
    21: Case(
        "TLS that is stripped, refused, tampered with, or proves nothing",
        NONE,
        (
            "integration/test_smtp_tls.py::test_bad_certificates",
            "integration/test_smtp_tls.py::test_no_starttls_no_login",
            "integration/test_smtp_tls.py::test_bytes_behind_the_220_are_not_believed",
            "integration/test_smtp_tls.py::test_what_was_offered_before_tls_is_forgotten",
        ),
    ),
    22: Case(
        "line ends, NUL and encoded words in headers, addresses and file names",
        ALL,
        (
            "faults/test_hostile_messages.py::test_case_22_no_control_character_is_queued",
            "faults/test_hostile_messages.py::"
            "test_case_22_encoded_and_endless_text_stays_where_it_was_put",
            "unit/test_message_properties.py::test_nothing_typed_becomes_a_header_of_a_part",
            "unit/test_message_properties.py::test_nothing_in_a_standard_message_becomes_a_header",
        ),
    ),
    23: Case(
        "dots, bare line ends and SMTP commands in a body",
        ALL,
        ("faults/test_hostile_messages.py::test_case_23_body_is_one_mail_whatever_stands_in_it",),
    ),
    24: Case(
        "clocks that are wrong by hours",
        ALL,
        (
            # Of one file all senders are on one machine, and have one clock.
            "faults/test_wrong_clocks.py::test_case_24_machines_that_disagree_by_hours",
            "faults/test_wrong_clocks.py::test_case_24_clock_of_the_database_jumps",
        ),
    ),
    25: Case(
        "servers that fork, preload, reload and replace threads",
        NONE,
        (
            "acceptance/test_servers.py::test_life_of_a_server",
            "acceptance/test_servers.py::TestFork::"
            "test_preloaded_workers_have_connections_of_their_own",
            "acceptance/test_servers.py::TestFork::test_forked_helper_sends_nothing",
            "acceptance/test_servers.py::TestReloader::test_only_the_child_sends",
            "acceptance/test_servers.py::TestElsewhere::test_commands_send_nothing",
            "integration/test_lifecycle.py::test_forked_child_sends_in_its_own_name",
            "integration/test_lifecycle.py::test_no_poller_under_pytest",
        ),
    ),
    26: Case(
        "keys and secrets that are lost, altered, open to others, or made twice at once",
        NONE,
        (
            "faults/test_lost_keys.py::test_case_26_unreadable_password_is_a_state",
            "faults/test_lost_keys.py::test_case_26_saving_again_encrypts_nothing_twice",
            "integration/test_settings_store.py::test_ciphertext_typed_as_a_password_is_a_password",
            "unit/test_encryption.py::test_key_file_that_others_may_read_is_refused",
            "unit/test_encryption.py::test_processes_that_race_get_one_key",
            "integration/test_cli.py::TestKeys::test_rotation_round_trip",
        ),
    ),
    27: Case(
        "another server is to get the stored password",
        NONE,
        (
            "integration/test_settings_store.py::"
            "test_kept_password_does_not_follow_to_another_server",
            "integration/test_settings_store.py::"
            "test_row_changed_by_hand_does_not_give_the_password_away",
            "web/test_settings_page.py::test_changed_server_asks_for_the_password_again",
            "web/test_test_mail.py::test_stored_password_is_not_taken_to_another_server",
            "web/test_trouble.py::test_pinned_password_stays_with_the_saved_server",
        ),
    ),
    28: Case(
        "people without rights, and forms that others have made",
        NONE,
        (
            "web/test_security.py::test_case_28_refusal_changes_nothing_and_leaves_a_trace",
            "web/test_security.py::test_every_route_is_closed_unless_authorize_says_true",
            "web/test_security.py::"
            "test_form_without_its_token_changes_nothing_and_keeps_what_was_typed",
            "web/test_security.py::test_expired_token_of_a_test_is_repaired_in_place",
            "web/test_security.py::test_request_from_another_site_is_refused_even_with_a_token",
            "web/test_security.py::test_unknown_method_of_a_page_is_no_way_in",
        ),
    ),
    29: Case(
        "markup in everything that others write",
        NONE,
        (
            "browser/test_hostile_words.py::test_case_29_hostile_words_are_only_text",
            "browser/test_hostile_mail.py::test_mail_can_do_nothing",
        ),
    ),
    30: Case(
        "300,000 rows of the past, and a snapshot that is held open",
        ALL,
        (
            "faults/test_size.py::test_case_30_long_past",
            # Only PostgreSQL keeps old rows among the new ones.
            "faults/test_size.py::test_case_30_snapshot_held_open",
        ),
    ),
}

MORE: Mapping[int | str, Case] = {
    "r1": Case(
        "a pooler lends the sessions that senders and site use",
        frozenset({"postgresql"}),
        (
            "faults/test_pooler.py::test_case_r1_nothing_is_left_in_a_pooled_connection",
            "faults/test_pooler.py::test_case_r1_each_transaction_has_its_bounds",
        ),
    ),
    "r2": Case(
        "four senders prepare statements in three sessions",
        frozenset({"postgresql"}),
        ("faults/test_pooler.py::test_case_r2_prepared_statements_do_not_collide",),
    ),
    "r3": Case(
        "a result meets a database during a migration",
        ALL,
        (
            "faults/test_migrations.py::test_case_r3_table_is_away",
            "faults/test_migrations.py::test_case_r3_prepared_statements_are_stale",
        ),
    ),
    "r4": Case(
        "a sender is frozen with the gate in its hands",
        # On SQLite nobody can take the lock away.
        SERVERS,
        (
            "faults/test_killed_senders.py::test_case_r4_frozen_with_the_gate",
            "faults/test_killed_senders.py::test_case_r4_frozen_while_it_gets_an_answer",
            "faults/test_killed_senders.py::test_case_r4_kept_from_its_turn_while_it_records",
            "faults/test_pooler.py::test_case_r4_frozen_with_the_gate_behind_a_pooler",
        ),
    ),
    "r5": Case(
        "packets of every open connection to the database vanish",
        SERVERS,
        (
            "faults/test_black_holes.py::test_case_r5_black_holed_connections_are_given_up",
            "faults/test_black_holes.py::test_case_r5_statement_that_will_never_be_answered",
            "faults/test_black_holes.py::test_case_r5_long_statement_is_not_cut",
        ),
    ),
    "r12": Case(
        "an SQLite file is replaced under a running sender",
        SQLITE,
        (
            "faults/test_replaced_files.py::test_case_r12_backup_is_sent_without_a_restart",
            "faults/test_replaced_files.py::"
            "test_case_r12_result_for_the_old_file_is_not_the_new_ones",
        ),
    ),
    "r14": Case(
        "a reply of 10,000 lines",
        NONE,
        ("integration/test_smtp_faults.py::test_case_r14_long_reply_counts",),
    ),
    "r15": Case(
        "a process that ends while it boots",
        NONE,
        ("faults/test_poller_pauses.py::test_case_r15_stopped_while_it_starts",),
    ),
}
"""What showed under fire, on several machines."""
EVERY = {**CASES, **MORE}


@pytest.fixture(scope="module")
def collected() -> dict[str, set[str]]:
    """Every test there is, with the words of its parameters."""
    files = sorted({test.partition("::")[0] for case in EVERY.values() for test in case.tests})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *(f"tests/{file}" for file in files)],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=90,
    )
    found: dict[str, set[str]] = {}
    for name, parameters in NODE.findall(done.stdout):
        words = {DIALECTS.get(word, word) for word in parameters.split("-")}
        found.setdefault(name, set()).update(words)
    return found


def test_there_are_thirty_cases() -> None:
    """No case is missing."""
    assert list(CASES) == list(range(1, 31))


@pytest.mark.parametrize("number", EVERY)
def test_case_is_shown(collected: dict[str, set[str]], number: int | str) -> None:
    """The tests that are named exist, and one of them runs on each database that has a part."""
    case = EVERY[number]
    assert [test for test in case.tests if test not in collected] == []
    assert case.databases - set().union(*(collected[test] for test in case.tests)) == set()
