#include "kernels/cpu/isa.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace plait::cpu {
namespace {

Isa best_of_this_machine() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
  if (avx512) return Isa::avx512;
  if (avx2) return Isa::avx2;
#endif
  return Isa::baseline;
}

Isa wanted(Isa best) {
  const char* text = std::getenv("PLAIT_ISA");
  if (text == nullptr) return best;
  const std::string_view name = text;
  if (name == "baseline") return Isa::baseline;
  if (name == "avx2") return std::min(best, Isa::avx2);
  return best;
}

}  // namespace

Isa isa() {
  static const Isa chosen = wanted(best_of_this_machine());
  return chosen;
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return "avx512";
    case Isa::avx2:
      return "avx2";
    case Isa::baseline:
      break;
  }
  return "baseline";
}

}  // namespace plait::cpu
