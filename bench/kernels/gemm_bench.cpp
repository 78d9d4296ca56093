// Square matrix products in the three layouts that the dense layer uses, against cblas_sgemm.
#include "bench/compare.h"
#include "bench/rivals.h"
#include "bench/shapes.h"
#include "kernels/cpu/gemm.h"

namespace plait {
namespace {

void add_all() {
  struct Layout {
    const char* name;
    bool a_transposed, b_transposed;
  };
  for (const shapes::Product& s : shapes::products) {
    if (!s.timed) continue;
    for (const Layout& layout : {Layout{"nn", false, false}, {"nt", false, true}, {"tn", true, false}}) {
      const cpu::GemmParams p{.m = s.m,
                              .n = s.n,
                              .k = s.k,
                              .a_transposed = layout.a_transposed,
                              .b_transposed = layout.b_transposed,
                              .a_stride = layout.a_transposed ? s.m : s.k,
                              .b_stride = layout.b_transposed ? s.k : s.n,
                              .c_stride = s.n};
      const auto a = bench::random_buffer(s.m * s.k), b = bench::random_buffer(s.k * s.n), c = bench::buffer(s.m * s.n);
      const auto workspace = bench::scratch(cpu::gemm_workspace_bytes<float>(p));
      const std::string name = std::string("gemm_") + layout.name + "/f32/" + s.name();
      const double flops = 2.0 * static_cast<double>(s.steps());
      const double bytes = 4.0 * static_cast<double>(s.m * s.k + s.k * s.n + s.m * s.n);
      bench::add(name, flops, bytes,
                 [=] { cpu::gemm<float>(p, a->data(), b->data(), nullptr, c->data(), workspace->data()); });
      bench::add_openblas_product(name, s.m, s.n, s.k, p.a_transposed, p.b_transposed, a, b, c, flops, bytes);
    }
  }
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) {
  return plait::bench::run(argc, argv, plait::add_all);
}
