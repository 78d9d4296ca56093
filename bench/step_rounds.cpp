// Our side of compare_pytorch.py: stays alive and times steps on request, so that both sides can take turns.
//   step_rounds BATCH THREADS
// prints {"parameters": N, "threads": T}, then for every line "train N" or "infer N" on standard input a line
// {"what": "train", "steps": N, "seconds": S}.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "bench/step_workload.h"
#include "kernels/cpu/parallel.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: step_rounds BATCH THREADS\n");
    return 2;
  }
  plait::cpu::set_thread_count(std::atoi(argv[2]));
  plait::bench::StepWorkload workload(std::atoll(argv[1]));
  std::printf("{\"parameters\": %lld, \"threads\": %d}\n", static_cast<long long>(workload.parameter_count()),
              plait::cpu::thread_count());
  std::fflush(stdout);
  std::string what;
  std::int64_t steps = 0;
  while (std::cin >> what >> steps) {
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < steps; ++i) {
      if (what == "train")
        workload.train();
      else
        workload.infer();
    }
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    std::printf("{\"what\": \"%s\", \"steps\": %lld, \"seconds\": %.9f}\n", what.c_str(), static_cast<long long>(steps),
                passed.count());
    std::fflush(stdout);
  }
  return 0;
}
