// Hostile inputs, tests/hostile/cases.txt: each is met by the program itself, within bounds of time and memory. The
// exit code and the place are those of the table; nothing is half-written, and no patient's value is repeated.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/hostile/case_table.h"
#include "tests/hostile/png_bytes.h"
#include "tests/support/plait_program.h"

namespace plait::test {
namespace {

namespace fs = std::filesystem;

#if defined(__SANITIZE_ADDRESS__)
constexpr const char* limits = "ulimit -t 60";  // the sanitizer reserves terabytes of addresses
#else
constexpr const char* limits = "ulimit -t 5; ulimit -v 2097152";  // seconds of processor time, KiB of addresses
#endif

// Values of patients in the hostile files: no output may hold one.
constexpr const char* secrets[] = {"secretive", "8315.772", "8315e400", "root:"};

Finished bounded(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {"/bin/sh", "-c", std::string(limits) + "; exec timeout -s KILL 120 \"$@\"", "sh", PLAIT_BINARY});
  return run_program(arguments);
}

std::vector<std::string> arguments_of(const std::string& command, const fs::path& at) {
  const std::string cohort = at / "cohort", run = at / "run";
  const auto train = [&](const char* out) {
    return std::vector<std::string>{"train", cohort,         "--out", at / out, "--config", at / "config.toml",
                                    "--ids", at / "ids.json"};
  };
  const auto with = [](std::vector<std::string> first, const std::vector<std::string>& more) {
    first.insert(first.end(), more.begin(), more.end());
    return first;
  };
  if (command == "check") return {"check", cohort};
  if (command == "train") return train("out");
  if (command == "init") return with(train("out"), {"--init", at / "init.safetensors"});
  if (command == "interrupt") return with(train("resumed"), {"--set", "train.epochs=300"});
  if (command == "resume")  // how often checkpoints are written is not part of what a run is
    return with(train("resumed"), {"--set", "train.epochs=300", "--set", "train.checkpoint_every=1000", "--resume"});
  if (command == "evaluate") return {"evaluate", run, cohort, "--json"};
  if (command == "predict") return {"predict", run, cohort, "--out", at / "predictions.csv"};
  if (command == "info") return {"info", run};
  throw std::out_of_range(command);
}

// Everything that hostile inputs are put into, made once: tests/hostile/base with images, a finished run, its weights,
// and an interrupted run with one checkpoint.
void make_base(const fs::path& at) {
  fs::copy(fs::path(PLAIT_SOURCE_DIR) / "tests/hostile/base", at, fs::copy_options::recursive);
  fs::create_directory(at / "cohort/images");
  for (int i = 1; i <= 10; ++i) {
    const std::string number = std::to_string(i);
    write_bytes(at / "cohort/images" / ((i < 10 ? "a0" : "a") + number + ".png"), grey_png(i));
  }
  const Finished trained = bounded(arguments_of("train", at));
  ASSERT_EQ(trained.code, 0) << trained.err;
  fs::rename(at / "out", at / "run");
  fs::copy_file(at / "run/model.safetensors", at / "init.safetensors");

  Program victim(plait_command(arguments_of("interrupt", at)));
  while (victim.printed().find("epoch 3/") == std::string::npos) usleep(1000);
  ASSERT_EQ(victim.end(SIGTERM).code, 143);
  std::vector<fs::path> checkpoints;
  for (const auto& entry : fs::directory_iterator(at / "resumed.partial/checkpoint")) checkpoints.push_back(entry);
  ASSERT_FALSE(checkpoints.empty());
  fs::rename(*std::max_element(checkpoints.begin(), checkpoints.end()), at / "step");
  fs::remove_all(at / "resumed.partial/checkpoint");
  fs::create_directory(at / "resumed.partial/checkpoint");
  fs::rename(at / "step", at / "resumed.partial/checkpoint/step-0000000009");
}

// Every path below a folder with its bytes.
std::map<std::string, std::string> contents(const fs::path& at) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(at))
    all[entry.path().lexically_relative(at)] =
        !entry.is_symlink() && entry.is_regular_file() ? read_bytes(entry.path()) : "";
  return all;
}

void expect_clear(const HostileCase& hostile, const std::string& command, const Finished& finished) {
  EXPECT_EQ(finished.code, hostile.code) << finished.out << finished.err;
  for (const std::string& part : hostile.says) EXPECT_TRUE(finished.says(part)) << part << "\n" << finished.err;
  for (const char* secret : secrets) {
    EXPECT_FALSE(finished.says(secret)) << finished.err;
    EXPECT_FALSE(finished.prints(secret) && command != "check") << finished.out;  // check lists unmatched ids
  }
  if (finished.code == 0) return;
  // `plait check` says one line a problem, the others one line.
  const std::size_t last_line = finished.err.rfind("plait: ");
  EXPECT_TRUE(command == "check" ? last_line != std::string::npos : last_line == 0) << finished.err;
  EXPECT_EQ(finished.err.find('\n', last_line) + 1, finished.err.size()) << finished.err;
}

TEST(Hostile, EveryInputIsRefusedWithItsPlaceOrReadRightly) {
  const std::vector<HostileCase> cases = read_cases(fs::path(PLAIT_SOURCE_DIR) / "tests/hostile/cases.txt");
  ASSERT_GT(cases.size(), 250u);
  const TemporaryFolder folder;
  fs::create_directory(folder / "base");
  ASSERT_NO_FATAL_FAILURE(make_base(folder / "base"));
  const fs::path at = folder / "work";
  for (const HostileCase& hostile : cases)
    for (const std::string& command : hostile.commands) {
      SCOPED_TRACE("cases.txt:" + std::to_string(hostile.line) + ": " + hostile.what + " as " + hostile.target + ", " +
                   command);
      fs::remove_all(at);
      fs::copy(folder / "base", at, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
      ASSERT_NO_THROW(apply(hostile, at));
      const auto before = contents(at);
      const Finished finished = bounded(arguments_of(command, at));
      expect_clear(hostile, command, finished);
      auto after = contents(at);
      if (command == "resume") continue;  // may well go on
      const std::string made = command == "train" ? "out" : command == "predict" ? "predictions.csv" : "";
      if (hostile.code == 0 && !made.empty()) {
        EXPECT_TRUE(after.contains(made));
        std::erase_if(after, [&](const auto& entry) { return entry.first.starts_with(made); });
      }
      EXPECT_TRUE(after == before) << "something was left behind, or changed";
    }
}

}  // namespace
}  // namespace plait::test
