// The instruction set a loop is compiled for is chosen at run time: the binary starts on any x86-64.
//
//   with_isa([&] { plain loop });
//
// runs the loop compiled for the best set this machine has. Wider vectors never change a bit: no loop here reorders a
// sum, contraction is off, and std::fma is exact everywhere.
#pragma once

namespace plait::cpu {

enum class Isa { baseline, avx2, avx512 };

// Decided once, from CPUID. The environment variable PLAIT_ISA=baseline|avx2|avx512 lowers it (never raises it).
Isa isa();
const char* isa_name(Isa isa);

namespace detail {
#if defined(__x86_64__)
template <class F>
__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"), flatten)) void run_avx512(const F& f) {
  f();
}
template <class F>
__attribute__((target("avx2,fma"), flatten)) void run_avx2(const F& f) {
  f();
}
#endif
template <class F>
__attribute__((flatten)) void run_baseline(const F& f) {
  f();
}
}  // namespace detail

// f must be a lambda whose body holds plain loops over captured pointers (copied to locals by value capture where it
// helps the vectoriser), without threads inside: wrap it in parallel_for (parallel.h) instead.
template <class F>
void with_isa(const F& f) {
#if defined(__x86_64__)
  switch (isa()) {
    case Isa::avx512:
      return detail::run_avx512(f);
    case Isa::avx2:
      return detail::run_avx2(f);
    case Isa::baseline:
      break;
  }
#endif
  detail::run_baseline(f);
}

}  // namespace plait::cpu
