// The sum of a gradient buffer over ranks, three ways, in turns:
//   mpirun -n 2 build/release/bench/allreduce_bench [rounds]
// tree: all-to-all, the upper levels of the tree, all-gather: the trainer's (engine/train/gradient_sum.h), the same
// bits for any number of ranks. scatter: reduce-scatter, all-gather. all-reduce: what the trainer does with --fast.
//
// Bus bandwidth as NVIDIA's nccl-tests define it for an all-reduce: bytes / time * 2 (R - 1) / R, which does not depend
// on the number of ranks where links are the limit.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "engine/comm/process_group.h"
#include "engine/error.h"
#include "kernels/add.h"
#include "kernels/cpu/parallel.h"

namespace plait {
namespace {

std::vector<Piece> pieces_of(std::int64_t count, int ranks) {
  std::vector<Piece> pieces;
  for (int r = 0; r < ranks; ++r)
    pieces.push_back({.begin = count * r / ranks, .count = count * (r + 1) / ranks - count * r / ranks});
  return pieces;
}

// Of the slowest rank.
double seconds_of(Communicator& ranks, const std::function<void()>& work) {
  ranks.barrier(nullptr).wait();
  const auto begin = std::chrono::steady_clock::now();
  work();
  std::vector<double> took(static_cast<std::size_t>(ranks.size()));
  took[static_cast<std::size_t>(ranks.rank())] =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  ranks.all_gather(took.data(), pieces_of(ranks.size(), ranks.size()), sizeof(double), nullptr).wait();
  return *std::max_element(took.begin(), took.end());
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void measure(Communicator& ranks, std::int64_t count, int rounds) {
  const std::vector<Piece> pieces = pieces_of(count, ranks.size());
  const std::int64_t own = pieces[static_cast<std::size_t>(ranks.rank())].count;
  std::vector<float> data(static_cast<std::size_t>(count), 1e-3f);
  std::vector<float> received(static_cast<std::size_t>(own * ranks.size()));
  float* mine = data.data() + pieces[static_cast<std::size_t>(ranks.rank())].begin;
  const auto gather = [&] { ranks.all_gather(data.data(), pieces, sizeof(float), nullptr).wait(); };
  const std::vector<std::pair<const char*, std::function<void()>>> ways{
      {"tree",
       [&] {
         ranks.all_to_all(data.data(), pieces, sizeof(float), received.data(), nullptr).wait();
         cpu::add_rows(ranks.size(), own, received.data(), mine);
         gather();
       }},
      {"scatter",
       [&] {
         ranks.reduce_scatter(data.data(), pieces, received.data(), nullptr).wait();
         std::copy_n(received.data(), own, mine);
         gather();
       }},
      {"all-reduce", [&] { ranks.all_reduce(data.data(), count, nullptr).wait(); }}};
  std::vector<std::vector<double>> times(ways.size());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < ways.size(); ++i) {
      const std::size_t way = round % 2 == 0 ? i : ways.size() - 1 - i;  // forth and back, so that noise hits all alike
      std::fill(data.begin(), data.end(), 1e-3f);                        // sums must not run away
      times[way].push_back(seconds_of(ranks, ways[way].second));
    }
  if (ranks.rank() != 0) return;
  std::printf("%12.1f", static_cast<double>(count) * sizeof(float) / 1024);
  for (const std::vector<double>& of_way : times) {
    const double seconds = median(of_way);
    const double algorithm = static_cast<double>(count) * sizeof(float) / seconds;
    std::printf("%12.1f%9.2f", seconds * 1e6, algorithm * 2 * (ranks.size() - 1) / ranks.size() / 1e9);
  }
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) {
  const auto group = plait::ProcessGroup::join();
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 31;
  plait::Communicator& ranks = group->host();
  plait::cpu::set_thread_count(1);
  if (ranks.size() == 1) {
    std::fprintf(stderr, "allreduce_bench: launch it with mpirun -n 2 or more\n");
    return 2;
  }
  if (ranks.rank() == 0)
    std::printf("%d ranks, medians of %d rounds\n%12s%12s%9s%12s%9s%12s%9s\n", ranks.size(), rounds, "KiB", "tree us",
                "GB/s", "scatter us", "GB/s", "all-red. us", "GB/s");
  for (std::int64_t count = 256; count <= std::int64_t{16} << 20; count *= 8) plait::measure(ranks, count, rounds);
  group->leave(0);
  return 0;
}
