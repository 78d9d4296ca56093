// What the executor has to say, each finding once.
#pragma once

#include <string>
#include <vector>

#include "kernels/simt/location.h"

namespace plait::simt {

// Findings with the same key are one. A debugger stops at every new one with `break plait::simt::on_report`
// (docs/kernels.md) and shows its text.
void add_report(const std::string& key, const std::string& text);
void on_report(const char* text);
std::string last_report();

std::string describe(const Location& where);                 // "gemm.cu:88"
std::string ranges(const std::vector<unsigned>& ascending);  // "0-31, 64"

}  // namespace plait::simt
