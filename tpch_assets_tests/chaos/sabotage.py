"""Mistakes that somebody could make in the code, each with the test that must notice it. `proof.py` tries them."""

from dataclasses import dataclass
from pathlib import Path

from tpch_assets.settings import PROJECT

TESTS = "tpch_assets_tests"


@dataclass(frozen=True)
class Sabotage:
    """One mistake.

    Attributes:
        name: What was done to the code.
        edits: By file of `tpch_assets` what stands there, once, and what comes in its place.
        test: The test, or the file of tests, that must fail.
        short: It is tried by every run of CI.
    """

    name: str
    edits: tuple[tuple[str, str, str], ...]
    test: str
    short: bool = False

    def fault(self, root: Path = PROJECT) -> str | None:
        """Why it cannot be tried any more; None if it can."""
        for file, old, _ in self.edits:
            path = root / "tpch_assets" / file
            count = path.read_text().count(old) if path.exists() else 0
            if count != 1:
                return f"{self.name}: {file} has {count} times what was to be replaced: {old!r}"
        if not (root / TESTS / self.test.split("::")[0]).exists():
            return f"{self.name}: there is no {self.test}"
        return None


def _one(name: str, file: str, old: str, new: str, test: str, *, short: bool = False) -> Sabotage:
    return Sabotage(name, ((file, old, new),), test, short)


SABOTAGES = (
    # Commits
    _one(
        "commits are retried, without an application transaction",
        "lake/commit.py",
        "return CommitProperties(max_commit_retries=0, app_transactions=transactions)",
        "return CommitProperties(max_commit_retries=15)",
        "lake/test_delta.py::test_a_commit_that_lost_a_race_is_planned_again_on_what_won",
        short=True,
    ),
    _one(
        "a table may be made twice",
        "lake/commit.py",
        "            commit_properties=once,\n",
        "",
        "lake/test_barriers.py::test_two_processes_at_a_barrier_make_each_table_once",
    ),
    _one(
        "an answer that was lost is an error",
        "lake/commit.py",
        "            failure = error\n            if ",
        "            raise\n            if ",
        "lake/test_delta.py::test_a_commit_whose_answer_was_lost_is_not_repeated",
    ),
    _one(
        "a write planned on another version is taken",
        "lake/commit.py",
        "if base is not None and table.version() != max(base, 0):",
        "if False:",
        "lake/test_delta.py::test_a_write_planned_on_another_version_is_refused",
    ),
    _one(
        "whatever is there gives way",
        "lake/commit.py",
        "if over is not None and file.path not in over",
        "if False",
        "bronze/test_races.py::test_a_run_that_has_seen_an_older_file_does_not_replace_the_rejects_of_a_newer_one",
        short=True,
    ),
    _one(
        "compaction by delta-rs",
        "orchestration/maintenance.py",
        "    hours = int(",
        "    table.optimize.compact()\n    hours = int(",
        "orchestration/test_maintenance.py::test_maintenance_leaves_the_files_of_a_table_as_they_are",
        short=True,
    ),
    # The disk
    _one(
        "data is not flushed",
        "lake/folder.py",
        "        fsync(staged)\n        os.replace(staged, uri)\n",
        "        os.replace(staged, uri)\n",
        "lake/test_delta.py::test_data_and_log_are_flushed_to_the_disk",
        short=True,
    ),
    _one(
        "the log is not flushed",
        "lake/folder.py",
        "        fsync(log)\n",
        "",
        "lake/test_delta.py::test_data_and_log_are_flushed_to_the_disk",
    ),
    _one(
        "the last commit is not flushed before the next one",
        "lake/commit.py",
        "mends the newest one alone.\n        lake.store.flush_commit(uri, table.version())\n",
        "mends the newest one alone.\n",
        "lake/test_recovery.py::test_a_commit_is_on_the_disk_before_the_next_one_is_made",
    ),
    _one(
        "what another run has committed is taken for flushed",
        "lake/commit.py",
        "who calls builds on it.\n            lake.store.flush_commit(uri, table.version())\n",
        "who calls builds on it.\n",
        "bronze/test_races.py::test_rejects_of_a_run_that_died_before_flushing_them_survive_with_the_rows_of_the_next_run",
    ),
    _one(
        "a vacuum begins on a commit that is not flushed",
        "orchestration/maintenance.py",
        "commits on top of it.\n                lake.store.flush_commit(uri, table.version())\n",
        "commits on top of it.\n",
        "orchestration/test_maintenance.py::test_commits_of_a_vacuum_survive_a_power_loss",
    ),
    _one(
        "a file is published by copying it",
        "lake/folder.py",
        "        os.replace(staged, uri)\n",
        "        open(uri, 'wb').write(open(staged, 'rb').read()); os.unlink(staged)\n",
        "lake/test_store.py::test_who_reads_a_file_while_it_is_replaced_sees_the_former_one_whole",
        short=True,
    ),
    _one(
        "what a dead process committed is not flushed when another starts",
        "lake/recovery.py",
        "        if commits := _commits(table):\n",
        "        if (commits := _commits(table)) and False:\n",
        "lake/test_recovery.py::test_a_commit_of_a_process_that_died_is_on_the_disk_once_another_starts",
    ),
    _one(
        "one damaged checkpoint is enough",
        "lake/recovery.py",
        "damaged = list(takewhile(lambda found: found.name[:20] > last or not _is_parquet(found), checkpoints))",
        "damaged = [found for found in checkpoints[:1] if found.name[:20] > last or not _is_parquet(found)]",
        "lake/test_recovery.py::test_several_damaged_checkpoints_are_moved_aside",
    ),
    _one(
        "a checkpoint of a lost commit stays",
        "lake/recovery.py",
        "found.name[:20] > last or not _is_parquet(found)",
        "not _is_parquet(found)",
        "lake/test_recovery.py::test_a_checkpoint_of_a_commit_that_is_lost_goes_with_it",
    ),
    _one(
        "services repair nothing when they start",
        "orchestration/ticks.py",
        "    for damaged in repair_once(opened):\n",
        "    for damaged in []:\n",
        "orchestration/test_odd_entries.py::test_the_first_tick_of_a_service_repairs_what_a_power_loss_damaged",
    ),
    # Bronze
    _one(
        "rejects are committed after the rows",
        "lake/storing.py",
        '        _commit_rejects(lake, f"{uri}_rejects", pieces, update)\n    return commit(',
        "        commit(lake, uri, [piece.rows for piece in pieces], set(update.files), schema=update.schema, "
        'keep=update.keep)\n        _commit_rejects(lake, f"{uri}_rejects", pieces, update)\n    return commit(',
        "bronze/test_races.py::test_a_run_that_dies_between_its_commits_is_made_up_for",
        short=True,
    ),
    _one(
        "rejects of a batch's other files are not kept",
        "lake/storing.py",
        "keep = {file.path for file in present.files} & set(update.keep)",
        "keep = set[str]()",
        "bronze/test_races.py::test_one_of_two_files_is_corrected_and_the_rejects_of_the_other_stay",
    ),
    _one(
        "rejects of a run that was overtaken stay",
        "bronze/arrivals.py",
        "have), *_strange_rejects(lake, bronze, settled, have)}",
        "have)}",
        "bronze/test_races.py::test_rejects_of_a_run_that_was_overtaken_are_taken_away",
    ),
    _one(
        "a file that is being filled loses its rejects",
        "bronze/plan.py",
        "rejects = rejected.get(same_lines(file))",
        "rejects = dict((uri, uri) for uri in rejected.values()).get(f'{bronze.uri}_rejects/{file.path}')",
        "bronze/test_races.py::test_a_run_that_begins_while_another_fills_a_column_loses_no_reject",
    ),
    Sabotage(
        "errors of the reader are ignored",
        (
            (
                "bronze/json_lines/whole.py",
                "return Parsed(rows, rows, 0) if rows == shape.lines else None",
                "return Parsed(rows, rows, 0)",
            ),
            ("bronze/json_lines/lines.py", "if (rows, rejects) != (feed.rows, feed.rejects):", "if False:"),
        ),
        "chaos/test_hostile.py::test_a_reader_that_skips_lines_is_noticed",
    ),
    _one(
        "runs with other columns write the same file",
        "bronze/fingerprint.py",
        "_content(file, self.origin), columns=self.columns)",
        "_content(file, self.origin))",
        "bronze/test_races.py::test_runs_of_before_and_after_a_column_was_declared_do_not_write_the_same_file",
    ),
    _one(
        "a file delivered again under its name is not noticed",
        "bronze/fingerprint.py",
        "_digest(json.dumps([file.name, file.size, file.stamp, PARSER, origin]))",
        "_digest(json.dumps([file.name, PARSER, origin]))",
        "bronze/test_fingerprint.py::test_a_redelivery_makes_another_name",
    ),
    # Silver
    _one(
        "silver is not planned on a version",
        "silver/shards.py",
        "            keep=tuple(planned.keep[table.name]),\n            base=silver[table.name].version,\n",
        "            keep=tuple(planned.keep[table.name]),\n",
        "chaos/test_market.py::test_of_two_silver_runs_the_one_that_has_seen_less_is_refused",
        short=True,
    ),
    _one(
        "windows are built of half of their files",
        "silver/stale.py",
        "    held = waiting(lake, group, bronze, stale)\n",
        "    held: dict[str, str] = {}\n",
        "silver/test_loss.py::test_a_window_waits_for_files_that_are_on_their_way",
    ),
    _one(
        "digests of keys are trusted whatever they were made from",
        "silver/key_digests.py",
        "    if content.startswith(head + _checksum(content[2 * HEAD :])):\n",
        "    if content:\n",
        "silver/test_shards.py::test_digests_follow_a_redelivery",
        short=True,
    ),
    _one(
        "what silver holds of a stale window is looked up in bronze",
        "silver/sharing.py",
        "(before | after.difference(stale)) - {window})",
        "(before | after) - {window}); stale = set()",
        "silver/test_shards.py::test_a_key_that_only_silver_still_holds_in_a_window_is_found_there",
    ),
    _one(
        "late rows of a dimension win",
        "silver/dimensions.py",
        "order = f\"{arrival_order('_batch')}, _age DESC,",
        'order = f"_age DESC,',
        "silver/test_dimensions.py::test_a_late_older_batch_overrules_nothing",
    ),
    # Gold
    _one(
        "a version of bronze is taken for its content",
        "silver/dimensions.py",
        "for name in (BRONZE_TABLE, BRONZE_COMMIT)}",
        "for name in (BRONZE_TABLE,)}",
        "silver/test_dimensions.py::test_a_commit_that_took_the_place_of_a_lost_one_is_noticed",
        short=True,
    ),
    _one(
        "a partial does not depend on dimensions that it reads whole",
        "gold/graph.py",
        "repr(partial.values), *prints, duckdb",
        "repr(partial.values), duckdb",
        "chaos/test_market.py::test_a_dimension_that_is_read_whole_changes_the_answer",
    ),
    _one(
        "a partial does not depend on the dimension rows that it reaches",
        "gold/graph.py",
        "in self.reached.get(shard, ()):",
        "in ():",
        "chaos/test_market.py::test_a_customer_who_changes_segment_changes_the_answer",
        short=True,
    ),
    _one(
        "a day with a stale window is answered",
        "gold/stale.py",
        "last_window(day) <= last and last_window(day) < first_stale",
        "last_window(day) <= last",
        "chaos/test_market.py::test_a_day_with_a_window_that_is_not_built_yet_is_not_answered",
    ),
    _one(
        "what happens at the day's very end is over",
        "gold/live.py",
        "(latest if latest.tzinfo else latest.replace(tzinfo=UTC)) < end",
        "(latest if latest.tzinfo else latest.replace(tzinfo=UTC)) <= end",
        "chaos/test_market.py::test_what_is_due_at_the_very_end_of_a_day_is_open",
    ),
    _one(
        "shards of the past are read for ever",
        "gold/live.py",
        "    if query.live is None:\n        return False\n",
        "    return False\n",
        "chaos/test_market.py::test_shards_whose_last_event_is_over_are_skipped",
    ),
    _one(
        "a window in which a blocking check failed is read",
        "gold/stale.py",
        'min([*stale, *blocked_windows(lake, group)], default="9")',
        'min(stale, default="9")',
        "orchestration/test_blocked.py::test_gold_waits_for_a_window_that_is_wrong_and_goes_on_once_it_is_mended",
    ),
    _one(
        "an answer from an older silver replaces one from a newer",
        "gold/plan.py",
        "TableUpdate(files, over=over, ",
        "TableUpdate(files, ",
        "chaos/test_market.py::test_an_answer_from_an_older_silver_does_not_replace_one_from_a_newer",
    ),
    _one(
        "a damaged partial is trusted",
        "gold/partials.py",
        'if _is_sound(local, path.rsplit("/", 1)[-1]):',
        "if True:",
        "gold/test_growth.py::test_a_damaged_partial_is_made_again",
    ),
    # Dagster and compute
    _one(
        "a batch whose run was killed once is set aside",
        "orchestration/setbacks.py",
        "judged = alone and not (len(alone) == 1 and died(alone[0].run_id))",
        "judged = alone",
        "orchestration/test_setbacks.py::test_after_a_reboot_the_batch_at_work_is_asked_for_at_the_next_tick",
    ),
    _one(
        "what failed long ago in the history waits for the next round",
        "orchestration/schedules.py",
        'if cursor and begun and setbacks.failed_since(instance, "bronze", begun):',
        "if False:",
        "orchestration/test_setbacks.py::test_after_a_reboot_the_batch_at_work_is_asked_for_at_the_next_tick",
    ),
    _one(
        "only the last commit of a vacuum is flushed",
        "lake/folder.py",
        "if VACUUM not in Path(commit).read_bytes():",
        "if True:",
        "lake/test_recovery.py::test_both_commits_of_a_vacuum_that_died_are_on_the_disk_before_the_next_one",
    ),
    _one(
        "a damaged database of Dagster stays",
        "orchestration/databases.py",
        "        yield str(error)\n        return\n",
        "        return\n",
        "orchestration/test_databases.py::test_a_damaged_database_is_moved_aside_and_a_sound_one_stays",
    ),
    _one(
        "runs that nobody knows keep their slots",
        "orchestration/instance.py",
        "    free_slots_of_unknown_runs(instance)\n    return",
        "    return",
        "orchestration/test_databases.py::test_slots_of_runs_that_nobody_knows_any_more_are_free_again",
    ),
    _one(
        "a run whose process is gone stays",
        "orchestration/instance.py",
        "    except psutil.NoSuchProcess:\n        return True\n    return BORN_TAG",
        "    except psutil.NoSuchProcess:\n        return False\n    return BORN_TAG",
        "orchestration/test_instance.py::test_a_run_of_a_process_that_is_gone_is_failed",
    ),
    _one(
        "vacuum trusts a clock that is behind",
        "orchestration/maintenance.py",
        "    if newest > datetime.now(UTC) + timedelta(hours=1):\n",
        "    if False:\n",
        "orchestration/test_maintenance.py::test_vacuum_does_not_trust_a_clock_that_is_behind_the_table",
    ),
    _one(
        "all finished runs are deleted",
        "orchestration/maintenance.py",
        "statuses=FINISHED, created_before=before",
        "statuses=FINISHED",
        "orchestration/test_maintenance.py::test_only_old_runs_that_have_finished_are_deleted",
        short=True,
    ),
    _one(
        "TPCH_MEMORY is not asked",
        "compute/database.py",
        '            "memory_limit": current_settings().memory,\n',
        "",
        "compute/test_database.py::test_a_query_beyond_the_memory_setting_spills_to_disk",
    ),
    _one(
        "steps are not tried again",
        "orchestration/assets/common.py",
        "RETRY = dg.RetryPolicy(max_retries=3,",
        "RETRY = dg.RetryPolicy(max_retries=0,",
        "orchestration/test_retries.py",
    ),
)
