// How calls are timed: CUDA events around a turn of many calls, the contenders in turns (ours, theirs, theirs, ours).
#pragma once

#include <string>
#include <vector>

#include "bench/gpu/case.h"
#include "kernels/gpu_runtime.h"

namespace plait::bench {

// Of one call, in microseconds, over the turns.
struct Times {
  double median = 0, p10 = 0, p90 = 0;
};
Times summarise(std::vector<double> microseconds);

struct RivalTimes {
  std::string name, note;  // why it has no time
  Times times;
  double ratio = 0;  // median over the rounds of theirs / ours; 0: no time, or nothing of ours
};

struct Timing {
  Times ours;
  std::vector<RivalTimes> rivals;
  int calls = 0, rounds = 0;  // of ours in a turn; of four turns each
};

struct Patience {
  double seconds = 0.25;  // for the rounds of a case; at least `least_rounds`
  int least_rounds = 5, most_rounds = 25;
  double turn_microseconds = 1000;
};

Timing time_trial(const Trial& trial, const Patience& patience, cudaStream_t stream);

// A turn of one contender: its calls go round the sets, captured as a graph unless the trial says otherwise.
class Turn {
 public:
  // Measures how many calls fill the turn, warms up.
  Turn(const Trial& trial, const Call& call, const Patience& patience, cudaStream_t stream);
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  double microseconds();  // of one call, by the clock of the device
  int calls() const { return calls_; }

 private:
  void enqueue();
  double elapsed();

  Call call_;
  int sets_, calls_ = 1;
  cudaStream_t stream_;
  cudaEvent_t start_, stop_;
  cudaGraphExec_t graph_ = nullptr;
};

}  // namespace plait::bench
