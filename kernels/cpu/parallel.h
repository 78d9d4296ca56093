// parallel_for: a range of independent work items cut into contiguous parts that threads claim one after the other.
// Which thread does which part can never matter: items write disjoint outputs.
//
// Not OpenMP, on purpose: its parallel regions end only when every thread of the team has arrived, spinning. On a
// machine with other work (two cores, a build running) a training step was measured five times slower on two threads
// than on one. Here the caller does whatever nobody has claimed and waits only for parts that are being worked on; and
// ThreadSanitizer sees every hand-over.
#pragma once

#include <algorithm>
#include <cstdint>

namespace plait::cpu {

// Threads that parallel_for may use, the caller's included; at first the number of processors this process may run on.
int thread_count();
void set_thread_count(int threads);
int processor_count();

// From here on this thread runs every parallel_for alone (a background thread that must not compete with the
// trainer's).
void run_serially_on_this_thread();

namespace detail {

// Calls call(context, part) for part = 0 .. parts-1, each once, on at most `threads` threads. Returns when all are
// done.
void run_parts(int threads, std::int64_t parts, void (*call)(const void* context, std::int64_t part),
               const void* context);

// What parallel_for may use here and now: 1 inside a part, and on threads that run serially.
int usable_threads();

}  // namespace detail

// Calls f(begin, end) on parts of [0, count), at least `grain` items a part (an item count below it runs on the
// caller's thread). An exception of f reaches the caller once no part runs any more; parts not begun are left out.
template <class F>
void parallel_for(std::int64_t count, std::int64_t grain, const F& f) {
  if (count <= 0) return;
  const std::int64_t most = std::max<std::int64_t>(1, count / std::max<std::int64_t>(1, grain));
  const auto threads = static_cast<int>(std::min<std::int64_t>(detail::usable_threads(), most));
  if (threads == 1) {
    f(std::int64_t{0}, count);
    return;
  }
  struct Context {
    const F& f;
    std::int64_t count, parts;
  };
  // Twice as many parts as threads: a thread that comes late leaves its share to the others.
  const Context context{f, count, std::min<std::int64_t>(most, 2 * threads)};
  detail::run_parts(
      threads, context.parts,
      [](const void* data, std::int64_t part) {
        const Context& c = *static_cast<const Context*>(data);
        c.f(c.count * part / c.parts, c.count * (part + 1) / c.parts);
      },
      &context);
}

}  // namespace plait::cpu
