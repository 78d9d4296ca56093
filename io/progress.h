// How far the training is: one line, redrawn, on a terminal; one line an epoch elsewhere (a pipe, a log, TERM=dumb, a
// launcher, which gives its ranks a terminal whatever it writes to itself).
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

namespace plait {

struct ProgressState {
  std::int64_t epoch = 0, epochs = 0;  // epoch: 1-based
  std::int64_t step = 0, steps = 0;    // steps done in this epoch, and how many it has
  double loss = 0.0;
  std::optional<double> validation_loss = {};  // once there is one
  std::string metric = {};                     // of the validation: "val_auc"; empty where there is none
  std::optional<double> value = {};            // of the metric, once there is one
  double patients_per_s = 0.0;                 // 0 = not known yet
  std::optional<double> eta_s = {};            // set by Progress
};

// "1:02:03", "2:03"; "?" for what is no duration.
std::string duration_text(double seconds);

// At most columns - 1 characters: with less room the bar goes first, then the line is cut. `color`: the bar in green.
std::string terminal_line(const ProgressState& state, int columns, bool color);
std::string plain_line(const ProgressState& state);

class Progress {
 public:
  // `out` must stay open. Colour: on a terminal, unless the environment has NO_COLOR with any text in it.
  explicit Progress(std::FILE* out = stderr, bool launched = false);
  ~Progress() { finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step(const ProgressState& state);   // after a step: redrawn at most ten times a second; nothing in a pipe
  void epoch(const ProgressState& state);  // after an epoch: always shown
  void finish();                           // ends the line, so that what follows starts on a new one

 private:
  using Clock = std::chrono::steady_clock;

  void show(ProgressState state, bool epoch_done);

  std::FILE* out_;
  bool terminal_, color_, drawn_ = false;
  std::optional<Clock::time_point> start_, shown_;
  double share_at_start_ = 0.0;  // a resumed run does not begin at 0
};

}  // namespace plait
