#include "io/progress.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <cmath>

#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

ProgressState sample() {
  ProgressState state;
  state.epoch = 3;
  state.epochs = 50;
  state.step = 10;
  state.steps = 40;
  state.loss = 0.53214;
  state.metric = "val_auc";
  state.value = 0.871;
  state.patients_per_s = 1234.4;
  state.eta_s = 83.2;
  return state;
}

TEST(Progress, WritesDurations) {
  EXPECT_EQ(duration_text(0), "0:00");
  EXPECT_EQ(duration_text(59.6), "1:00");
  EXPECT_EQ(duration_text(3599), "59:59");
  EXPECT_EQ(duration_text(3723), "1:02:03");
  for (const double none : {-1.0, std::nan(""), HUGE_VAL}) EXPECT_EQ(duration_text(none), "?");
}

TEST(Progress, DrawsALineThatFits) {
  EXPECT_EQ(
      terminal_line(sample(), 120, false),
      "epoch 3/50 [=======>                      ] step 10/40  loss 0.5321  val_auc 0.8710  1234 patients/s  ETA 1:23");
  for (int columns = 0; columns < 130; ++columns)
    EXPECT_LE(terminal_line(sample(), columns, false).size(), static_cast<std::size_t>(std::max(columns - 1, 0)));
  // Without room for a bar the figures stay.
  EXPECT_EQ(terminal_line(sample(), 40, false), "epoch 3/50  step 10/40  loss 0.5321  va");
  const std::string colored = terminal_line(sample(), 120, true);
  EXPECT_NE(colored.find("[\x1b[32m=======>"), std::string::npos);
}

TEST(Progress, TheBarRunsFromEmptyToFull) {
  ProgressState state = sample();
  for (const std::int64_t steps : {0, 1, 40}) {
    state.step = state.steps = steps;
    EXPECT_EQ(terminal_line(state, 120, false).find(std::string(30, '=')) != std::string::npos, steps > 0);
  }
  state.step = 0;
  EXPECT_NE(terminal_line(state, 120, false).find("[>    "), std::string::npos);
}

TEST(Progress, LeavesOutWhatIsNotKnown) {
  ProgressState state = sample();
  state.value.reset();
  state.eta_s.reset();
  state.patients_per_s = 0;
  EXPECT_EQ(plain_line(state), "epoch 3/50  loss 0.5321");
  EXPECT_EQ(plain_line(sample()), "epoch 3/50  loss 0.5321  val_auc 0.8710  1234 patients/s  ETA 1:23");
}

TEST(Progress, ShowsWhatEarlyStoppingWatches) {
  ProgressState state = sample();
  state.validation_loss = 0.4871;
  state.eta_s = 0.4;  // rounds to 0:00, which says nothing
  EXPECT_EQ(plain_line(state), "epoch 3/50  loss 0.5321  val_loss 0.4871  val_auc 0.8710  1234 patients/s");
  state.eta_s = 0.6;
  EXPECT_TRUE(plain_line(state).ends_with("  ETA 0:01"));
}

// Errors have the target's unit.
TEST(Progress, SmallAndLargeNumbersKeepTheirDigits) {
  ProgressState state;
  state.metric = "val_rmse";
  for (const auto& [value, text] : {std::pair{1.25e-4, "0.000125"},
                                    {123456.0, "1.235e+05"},
                                    {12.5, "12.5000"},
                                    {0.0, "0.0000"},
                                    {0.0123456, "0.0123"}}) {
    state.value = state.loss = value;
    EXPECT_EQ(plain_line(state), std::string("epoch 0/0  loss ") + text + "  val_rmse " + text);
  }
}

TEST(Progress, APipeGetsOneLineAnEpoch) {
  const test::TemporaryFolder folder;
  std::FILE* file = std::fopen((folder / "log").c_str(), "w");
  {
    Progress progress(file);
    ProgressState state = sample();
    state.value.reset();
    state.eta_s.reset();
    state.patients_per_s = 0;
    for (state.epoch = 1; state.epoch <= 2; ++state.epoch) {
      state.epochs = 2;
      for (state.step = 1; state.step < 40; ++state.step) progress.step(state);
      progress.epoch(state);
    }
  }
  std::fclose(file);
  // The time left depends on the clock, except at the end, where there is none.
  const std::string log = test::read_bytes(folder / "log");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2);
  EXPECT_EQ(log.rfind("epoch 1/2  loss 0.5321", 0), 0u) << log;
  EXPECT_NE(log.find("\nepoch 2/2  loss 0.5321\n"), std::string::npos) << log;
  EXPECT_EQ(log.find_first_of("\r\x1b"), std::string::npos);
}

// What a program of this terminal would show, with the environment as given.
std::string drawn_on_a_terminal(const char* term, const char* no_color, unsigned short columns) {
  setenv("TERM", term, 1);
  setenv("NO_COLOR", no_color, 1);
  int master = -1, slave = -1;
  winsize size{};
  size.ws_col = columns;
  if (openpty(&master, &slave, nullptr, nullptr, &size) != 0) return {};
  std::FILE* file = fdopen(slave, "w");
  {
    Progress progress(file);
    progress.step(sample());
    for (int i = 0; i < 5; ++i) progress.step(sample());  // too soon: not drawn
    progress.epoch(sample());
  }
  std::fclose(file);
  // What was written arrives in pieces; after the last one comes an error, for the other end is closed.
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = read(master, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  close(master);
  return text;
}

TEST(Progress, ATerminalGetsOneLineRedrawn) {
  const std::string text = drawn_on_a_terminal("xterm", "1", 100);
  if (text.empty()) GTEST_SKIP() << "no pseudo-terminal here";
  std::string expected;
  for (int i = 0; i < 2; ++i) expected.append("\r").append(terminal_line(sample(), 100, false)).append("\x1b[K");
  EXPECT_EQ(text, expected + "\r\n");
  EXPECT_NE(drawn_on_a_terminal("xterm", "", 100).find("\x1b[32m"), std::string::npos);
  EXPECT_EQ(drawn_on_a_terminal("dumb", "", 100), plain_line(sample()) + "\r\n");
}

}  // namespace
}  // namespace plait
