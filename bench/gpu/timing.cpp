#include "bench/gpu/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

#include "bench/gpu/memory.h"

namespace plait::bench {
namespace {

constexpr int most_calls = 1024;

double at(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(std::lround(share * static_cast<double>(sorted.size() - 1)))];
}

// The fastest of a library's proposals; those that fail or cannot be captured are left out.
std::unique_ptr<Turn> fastest(const Trial& trial, const Rival& rival, const Patience& patience, cudaStream_t stream,
                              std::string& note) {
  std::unique_ptr<Turn> best;
  double best_time = 0;
  for (std::size_t i = 0; i < rival.choices.size(); ++i) {
    try {
      auto turn = std::make_unique<Turn>(trial, rival.choices[i], patience, stream);
      const double time = std::min(turn->microseconds(), turn->microseconds());
      if (best && time >= best_time) continue;
      best = std::move(turn);
      best_time = time;
      note = "choice " + std::to_string(i + 1) + " of " + std::to_string(rival.choices.size());
    } catch (const std::exception& failure) {
      if (!best) note = failure.what();
      if (!device_is_alive()) throw;
    }
  }
  if (rival.choices.empty()) note = "nothing proposed";
  return best;
}

}  // namespace

Times summarise(std::vector<double> microseconds) {
  if (microseconds.empty()) return {};
  std::sort(microseconds.begin(), microseconds.end());
  return {.median = at(microseconds, 0.5), .p10 = at(microseconds, 0.1), .p90 = at(microseconds, 0.9)};
}

Turn::Turn(const Trial& trial, const Call& call, const Patience& patience, cudaStream_t stream)
    : call_(call), sets_(trial.sets), stream_(stream), start_(gpu::create_event()), stop_(gpu::create_event()) {
  for (int set = 0; set < std::min(sets_, 3); ++set) call_(set);  // modules are loaded, plans are made
  gpu::synchronize(stream_);
  calls_ = 3;
  const double one = elapsed() / 3;
  // A whole round of the sets: the next turn must not find the end of this one in the L2.
  calls_ = std::clamp(static_cast<int>(std::min(patience.turn_microseconds / std::max(one, 1e-3), 1e6)) + 1,
                      std::min(sets_, most_calls), most_calls);
  if (trial.captured) {
    gpu::begin_capture(stream_);
    try {
      enqueue();
    } catch (...) {
      try {
        gpu::destroy(gpu::end_capture(stream_));  // the stream leaves the capture, broken or not
      } catch (const gpu::Failure&) {
      }
      throw;
    }
    graph_ = gpu::end_capture(stream_);
  }
  elapsed();
}

Turn::~Turn() {
  gpu::destroy(graph_);
  gpu::destroy(start_);
  gpu::destroy(stop_);
}

void Turn::enqueue() {
  for (int i = 0; i < calls_; ++i) call_(i % sets_);
}

double Turn::elapsed() {
  gpu::record(start_, stream_);
  if (graph_ != nullptr)
    gpu::replay(graph_, stream_);
  else
    enqueue();
  gpu::record(stop_, stream_);
  gpu::synchronize(stop_);
  return 1000 * gpu::milliseconds_between(start_, stop_);
}

double Turn::microseconds() {
  return elapsed() / calls_;
}

Timing time_trial(const Trial& trial, const Patience& patience, cudaStream_t stream) {
  Timing timing;
  std::unique_ptr<Turn> ours;
  if (trial.ours) ours = std::make_unique<Turn>(trial, trial.ours, patience, stream);
  std::vector<std::unique_ptr<Turn>> theirs;
  for (const Rival& rival : trial.rivals) {
    timing.rivals.push_back({.name = rival.name, .note = "", .times = {}});
    theirs.push_back(fastest(trial, rival, patience, stream, timing.rivals.back().note));
  }

  std::vector<double> our_times;
  std::vector<std::vector<double>> their_times(theirs.size()), ratios(theirs.size());
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  while (timing.rounds < patience.most_rounds &&
         (timing.rounds < patience.least_rounds || seconds() < patience.seconds)) {
    const double first = ours ? ours->microseconds() : 0;
    std::vector<double> sums(theirs.size(), 0);
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t i = 0; i < theirs.size(); ++i) {
        const std::size_t rival = pass == 0 ? i : theirs.size() - 1 - i;
        if (!theirs[rival]) continue;
        const double time = theirs[rival]->microseconds();
        their_times[rival].push_back(time);
        sums[rival] += time;
      }
    if (ours) {
      const double last = ours->microseconds();
      our_times.insert(our_times.end(), {first, last});
      for (std::size_t i = 0; i < theirs.size(); ++i) ratios[i].push_back(sums[i] / (first + last));
    }
    ++timing.rounds;
  }
  timing.ours = summarise(our_times);
  timing.calls = ours ? ours->calls() : 0;
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    timing.rivals[i].times = summarise(their_times[i]);
    if (theirs[i]) timing.rivals[i].ratio = summarise(ratios[i]).median;
  }
  return timing;
}

}  // namespace plait::bench
