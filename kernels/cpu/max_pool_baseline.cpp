// Pooled rows for any machine. And the choice between the three.
#include "kernels/cpu/max_pool_body.h"
#include "kernels/cpu/max_pool_rows.h"
#include "kernels/cpu/vector_baseline.h"

namespace plait::cpu {

namespace detail {
template <>
const MaxPoolRows<float>& max_pool_rows_baseline<float>() {
  return pool_rows_of<Baseline<float>>();
}
template <>
const MaxPoolRows<double>& max_pool_rows_baseline<double>() {
  return pool_rows_of<Baseline<double>>();
}
}  // namespace detail

template <class T>
const MaxPoolRows<T>& max_pool_rows(Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::avx512:
      return detail::max_pool_rows_avx512<T>();
    case Isa::avx2:
      return detail::max_pool_rows_avx2<T>();
    case Isa::baseline:
      break;
  }
#endif
  return detail::max_pool_rows_baseline<T>();
}

template const MaxPoolRows<float>& max_pool_rows<float>(Isa);
template const MaxPoolRows<double>& max_pool_rows<double>(Isa);

}  // namespace plait::cpu
