// One operation at one shape, as the GPU's benchmark sees it: how it is set up, run, and known to be right. Sections
// (gemm.cpp, conv2d.cpp, ...) list their cases; run.cpp checks and times them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/stream.h"

namespace plait::bench {

// Which measured rate bounds the arithmetic.
enum class Unit { none, bf16, tf32, fp32 };

struct Output {
  void* data = nullptr;
  std::int64_t count = 0;
  std::int64_t element = 0;  // bytes of one
};

// Enqueues one call on operands number `set`.
using Call = std::function<void(int set)>;

// A rival. Several choices (the algorithms that a library proposes): each is timed, the fastest takes part.
struct Rival {
  std::string name;
  std::vector<Call> choices;
};

struct Trial {
  int sets = 1;          // copies of the operands; calls go round them, so that none finds its data in the L2
  bool captured = true;  // calls are timed inside a graph, free of the host; false: launched one by one
  Call ours = {};        // empty: there is nothing of ours, the row is a rival's or a ceiling
  std::vector<Rival> rivals = {};
  std::vector<Output> outputs = {};    // of ours, set 0
  std::function<void()> restore = {};  // in place: puts set 0 back; without it, outputs are poisoned before a check
  std::function<double()> error = {};  // relative error of set 0's outputs after one call
};

struct Case {
  std::string section, goal;  // goal: its row in bench/README.md, or empty
  std::string operation, dtype, shape;
  double flops = 0, bytes = 0;  // at least: every operand once
  Unit unit = Unit::none;
  double tolerance = 0;
  std::function<Trial(cudaStream_t)> prepare;
  std::string name() const { return operation + "/" + dtype + "/" + shape; }
};

using Cases = std::vector<Case>;

// `small`: shapes for a look at correctness, on the SIMT executor too.
void add_ceilings(Cases& cases, bool small);
void add_gemm(Cases& cases, bool small);
void add_dense(Cases& cases, bool small);
void add_conv2d(Cases& cases, bool small);
void add_fusion(Cases& cases, bool small);
void add_losses(Cases& cases, bool small);
void add_pooling(Cases& cases, bool small);
void add_optimizer(Cases& cases, bool small);
void add_reductions(Cases& cases, bool small);
void add_rows(Cases& cases, bool small);
void add_sorting(Cases& cases, bool small);

}  // namespace plait::bench
