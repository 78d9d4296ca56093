#include <cblas.h>

#include "bench/rivals.h"

extern "C" void openblas_set_num_threads(int threads);

namespace plait::bench {

void set_openblas_threads(int threads) {
  openblas_set_num_threads(threads);
}

void add_openblas_product(const std::string& name, std::int64_t m, std::int64_t n, std::int64_t k, bool a_transposed,
                          bool b_transposed, const Shared& a, const Shared& b, const Shared& c, double flops,
                          double bytes) {
  const auto i = [](std::int64_t x) { return static_cast<blasint>(x); };
  add(name + "/openblas", flops, bytes, [=] {
    cblas_sgemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans, b_transposed ? CblasTrans : CblasNoTrans, i(m),
                i(n), i(k), 1.0f, *a, i(a_transposed ? m : k), *b, i(b_transposed ? k : n), 0.0f, *c, i(n));
  });
}

}  // namespace plait::bench
