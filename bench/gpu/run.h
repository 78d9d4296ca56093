// A case becomes a row of the result file: checked first, timed when right, written at once.
#pragma once

#include <map>
#include <string>

#include "bench/gpu/case.h"
#include "bench/gpu/json_line.h"
#include "bench/gpu/timing.h"

namespace plait::bench {

// Roofs of this device, from the rows of section "ceilings" of the same result file. 0: not measured.
struct Ceilings {
  double bytes = 0;  // a second, read plus written: the faster of two ways to copy
  std::map<Unit, double> flops;
  static Ceilings read(const std::string& result_file);
};

struct Row {
  std::string status;  // ok, INVALID (wrong: no time), failed, skipped
  std::string reason;
  std::string line;   // JSON
  std::string brief;  // for people
};

// Never throws. repeats > 0: no timing; the outputs of so many more calls must have the same bits.
Row run_case(const Case& c, const Patience& patience, const Ceilings& ceilings, int repeats);
// Runs ours once on poisoned (or restored) outputs of set 0. Empty: right; else what is wrong.
std::string fault(const Case& c, const Trial& trial, double& error, cudaStream_t stream);

Row skipped(const Case& c, const std::string& reason);

}  // namespace plait::bench
