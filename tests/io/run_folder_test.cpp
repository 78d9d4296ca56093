#include "io/run_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "io/atomic_file.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/unprivileged.h"

namespace plait {
namespace {

using test::error_of;
using test::Thrown;
namespace fs = std::filesystem;

// What a killed process has left of "run", with one checkpoint.
fs::path interrupted_run(const test::TemporaryFolder& folder) {
  const fs::path checkpoint = folder / "run.partial/checkpoint/step-0000000007";
  fs::create_directories(checkpoint);
  test::write_bytes(checkpoint / "manifest.json", "hours");
  test::write_bytes(folder / "run.partial/plait.lock", "");
  return checkpoint;
}

std::size_t count(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
}

TEST(RunFolder, AppearsOnlyWhenCommittedAndIsPrivate) {
  const test::TemporaryFolder folder;
  RunFolder run(folder / "run");
  EXPECT_EQ(run.path().parent_path(), fs::canonical(folder.path()));  // beside the target: a rename is enough
  fs::create_directory(run.path() / "figures");
  test::write_bytes(run.path() / "config.toml", "a");
  test::write_bytes(run.path() / "figures/one.svg", "b");
  EXPECT_FALSE(fs::exists(folder / "run"));
  run.commit();
  EXPECT_EQ(test::read_bytes(folder / "run/config.toml"), "a");
  EXPECT_EQ(test::read_bytes(folder / "run/figures/one.svg"), "b");
  EXPECT_EQ(count(folder.path()), 1u);
  const fs::perms file = fs::perms::owner_read | fs::perms::owner_write;
  EXPECT_EQ(fs::status(folder / "run").permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(folder / "run/figures").permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(folder / "run/config.toml").permissions(), file);
  EXPECT_EQ(fs::status(folder / "run/figures/one.svg").permissions(), file);
}

TEST(RunFolder, LeavesNothingBehindWithoutCommit) {
  const test::TemporaryFolder folder;
  {
    RunFolder run(folder / "run");
    test::write_bytes(run.path() / "half", "x");
    EXPECT_EQ(count(folder.path()), 1u);
  }
  EXPECT_EQ(count(folder.path()), 0u);
}

// A cohort that cannot be read, a configuration that does not fit: what was found is left for the next attempt.
TEST(RunFolder, LeavesTheCheckpointsThatItFound) {
  const test::TemporaryFolder folder;
  const fs::path checkpoint = interrupted_run(folder);
  for (int attempt = 0; attempt < 2; ++attempt) RunFolder run(folder / "run", RunFolder::Start::resume);
  EXPECT_EQ(test::read_bytes(checkpoint / "manifest.json"), "hours");
  EXPECT_EQ(error_of([&] { RunFolder run(folder / "run"); }).code, ExitCode::usage);
  EXPECT_EQ(test::read_bytes(checkpoint / "manifest.json"), "hours");
}

TEST(RunFolder, RefusesATargetThatHoldsSomething) {
  const test::TemporaryFolder folder;
  fs::create_directory(folder / "full");
  test::write_bytes(folder / "full/x", "mine");
  test::write_bytes(folder / "file", "mine");
  fs::create_directory_symlink(folder / "full", folder / "link");
  for (const char* name : {"full", "file", "link", "full/", "full/../full", "full/."}) {
    const Thrown thrown = error_of([&] { RunFolder run(folder / name); });
    EXPECT_EQ(thrown.code, ExitCode::usage) << name;
    EXPECT_TRUE(thrown.says("choose another --out or remove it")) << thrown.message;
  }
  EXPECT_EQ(test::read_bytes(folder / "full/x"), "mine");
  EXPECT_EQ(count(folder.path()), 3u);
  EXPECT_EQ(error_of([] { RunFolder run(""); }).code, ExitCode::usage);
}

TEST(RunFolder, TakesAnEmptyFolderASlashAndMissingParents) {
  const test::TemporaryFolder folder;
  fs::create_directory(folder / "empty");
  for (const char* name : {"empty", "slash/", "a/b/c"}) {
    RunFolder run(folder / name);
    test::write_bytes(run.path() / "x", "1");
    run.commit();
    EXPECT_EQ(test::read_bytes(folder.path() / name / "x"), "1");
  }
}

TEST(RunFolder, AnUnusableParentIsAStorageError) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "file", "");
  EXPECT_EQ(error_of([&] { RunFolder run(folder / "file/run"); }).code, ExitCode::storage);
  EXPECT_EQ(error_of([&] { RunFolder run("/proc/plait/run"); }).code, ExitCode::storage);
}

// Wherever writing is not allowed: what it is about, and what to do.
TEST(RunFolder, WhatMayNotBeWrittenIsAStorageErrorThatSaysWhatToDo) {
  const test::TemporaryFolder folder;
  interrupted_run(folder);
  for (const char* name : {"closed/inner", "locked.partial", "bare.partial", "full.partial/figures"})
    fs::create_directories(folder / name);
  test::write_bytes(folder / "locked.partial/plait.lock", "");
  test::write_bytes(folder / "full.partial/plait.lock", "");
  test::write_bytes(folder / "full.partial/figures/one.svg", "half");
  fs::permissions(folder / "full.partial", fs::perms(0777));
  fs::permissions(folder / "full.partial/plait.lock", fs::perms(0666));
  for (const char* name : {"closed", "locked.partial", "bare.partial", "full.partial/figures"})
    fs::permissions(folder / name, fs::perms(0500));
  fs::permissions(folder / "locked.partial/plait.lock", fs::perms(0400));
  {
    const test::Unprivileged nobody(folder.path());
    for (const char* name : {"new", "closed/run", "closed/inner/run", "locked", "bare", "full", "run"}) {
      if (geteuid() != 65534 && (std::string_view(name) == "new" || std::string_view(name) == "run")) continue;
      const Thrown thrown = error_of([&] { RunFolder run(folder / name, RunFolder::Start::resume); });
      EXPECT_EQ(thrown.code, ExitCode::storage) << name;
      EXPECT_TRUE(thrown.says("ermission denied")) << name << ": " << thrown.message;
      EXPECT_TRUE(thrown.says("choose an --out you may write to")) << name << ": " << thrown.message;
    }
  }
  for (const char* name : {"closed", "locked.partial", "bare.partial", "full.partial/figures"})
    fs::permissions(folder / name, fs::perms(0700));
  EXPECT_EQ(test::read_bytes(folder / "full.partial/figures/one.svg"), "half");
}

// A folder of that name may be anybody's.
TEST(RunFolder, APartialFolderThatNoRunHasLeftIsRefusedAndLeftAlone) {
  const test::TemporaryFolder folder;
  fs::create_directory(folder / "run.partial");
  test::write_bytes(folder / "run.partial/thesis.tex", "years");
  for (const auto start : {RunFolder::Start::fresh, RunFolder::Start::resume}) {
    const Thrown thrown = error_of([&] { RunFolder run(folder / "run", start); });
    EXPECT_EQ(thrown.code, ExitCode::storage);
    EXPECT_TRUE(thrown.says("run.partial holds something that no interrupted run has left; move it away"))
        << thrown.message;
    EXPECT_EQ(test::read_bytes(folder / "run.partial/thesis.tex"), "years");
    EXPECT_EQ(count(folder / "run.partial"), 1u);
  }
}

TEST(RunFolder, WhatAKilledProcessHasLeftIsClearedAway) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "run.partial/checkpoint/writing-0000000003");  // no checkpoint yet
  test::write_bytes(folder / "run.partial/metrics.jsonl", "half");
  test::write_bytes(folder / "run.partial/plait.lock", "");
  fs::create_directory(folder / "early.partial");  // killed before its lock was there
  for (const char* name : {"run", "early"}) {
    RunFolder run(folder / name);
    EXPECT_EQ(count(run.path()), 1u) << "the lock alone";
    run.commit();
    EXPECT_TRUE(fs::is_empty(folder / name));
  }
}

// Whatever ends a process, hours of work are not removed.
TEST(RunFolder, KeepsItsOwnCheckpointsWithoutCommit) {
  const test::TemporaryFolder folder;
  fs::path checkpoint;
  {
    RunFolder run(folder / "run");
    checkpoint = run.checkpoints() / "step-0000000001";
    fs::create_directories(checkpoint);
    test::write_bytes(run.path() / "model.safetensors", "half");
  }
  EXPECT_TRUE(fs::exists(checkpoint));
  RunFolder resumed(folder / "run", RunFolder::Start::resume);
  EXPECT_TRUE(fs::exists(checkpoint));
  EXPECT_FALSE(fs::exists(resumed.path() / "model.safetensors"));
}

TEST(RunFolder, KeepsTheFinishedRunWhenItsNameWasTakenMeanwhile) {
  const test::TemporaryFolder folder;
  fs::path kept;
  {
    RunFolder run(folder / "run");
    kept = run.path();
    test::write_bytes(run.path() / "model", "hours");
    fs::create_directory(folder / "run");
    test::write_bytes(folder / "run/other", "theirs");
    const Thrown thrown = error_of([&] { run.commit(); });
    EXPECT_EQ(thrown.code, ExitCode::storage);
    EXPECT_TRUE(thrown.says(kept.string())) << thrown.message;
  }
  EXPECT_EQ(test::read_bytes(kept / "model"), "hours");
  EXPECT_EQ(test::read_bytes(folder / "run/other"), "theirs");
  fs::remove_all(folder / "run");
  EXPECT_EQ(error_of([&] { RunFolder run(folder / "run"); }).code, ExitCode::storage);
  EXPECT_EQ(test::read_bytes(kept / "model"), "hours");  // a finished run is no leftover
}

TEST(RunFolder, OnlyARunIsFinished) {
  const test::TemporaryFolder folder;
  fs::create_directory(folder / "run");
  test::write_bytes(folder / "run/summary.json", "");
  EXPECT_FALSE(is_finished(folder / "run")) << "some folder that holds something";
  EXPECT_FALSE(is_finished(folder / "none"));
  test::write_bytes(folder / "run/model.safetensors", "");
  EXPECT_TRUE(is_finished(folder / "run"));
}

TEST(AtomicFile, ReplacesTheOldFileWhole) {
  const test::TemporaryFolder folder;
  const fs::path path = test::write_bytes(folder / "predictions.csv", "old");
  {
    AtomicFile file(path);
    file.write("new, but never committed");
    EXPECT_EQ(test::read_bytes(path), "old");
  }
  EXPECT_EQ(test::read_bytes(path), "old");
  EXPECT_EQ(count(folder.path()), 1u);

  write_text_file(path, "new\n");
  EXPECT_EQ(test::read_bytes(path), "new\n");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  write_text_file(path, "");
  EXPECT_EQ(test::read_bytes(path), "");
  EXPECT_EQ(count(folder.path()), 1u);
}

TEST(AtomicFile, WhatAKilledProcessHasLeftIsRemovedAndNothingElse) {
  const test::TemporaryFolder folder;
  for (const char* name :
       {"p.csv.partial-aB3xYz", "p.csv.partial-", "p.csv.partial-longer-name", "q.csv.partial-aB3xYz"})
    test::write_bytes(folder / name, "half");
  fs::create_symlink("nowhere", folder / "p.csv.partial-linked");
  AtomicFile other(folder / "p.csv");  // being written by somebody else
  other.write("theirs");
  write_text_file(folder / "p.csv", "whole");
  EXPECT_FALSE(fs::exists(folder / "p.csv.partial-aB3xYz"));
  EXPECT_EQ(count(folder.path()), 6u);  // what was there but that one, the file, and what is being written
  other.commit();
  EXPECT_EQ(test::read_bytes(folder / "p.csv"), "theirs");
}

TEST(AtomicFile, FailuresAreStorageErrorsThatNameTheFile) {
  const test::TemporaryFolder folder;
  const Thrown missing = error_of([&] { write_text_file(folder / "no/where.csv", "x"); });
  EXPECT_EQ(missing.code, ExitCode::storage);
  EXPECT_TRUE(missing.says("no/where.csv: cannot be written")) << missing.message;
  EXPECT_EQ(error_of([&] { write_text_file(folder.path(), "x"); }).code, ExitCode::storage);
}

}  // namespace
}  // namespace plait
