// The dense layer's passes at the batch sizes of training. The rivals multiply only: OpenBLAS has neither bias nor
// activation (ours is timed with both), oneDNN fuses them. Weights of the largest shapes (40 MB) exceed the caches.
#include "bench/compare.h"
#include "bench/rivals.h"
#include "bench/shapes.h"
#include "kernels/dense.h"

namespace plait {
namespace {

void add_all() {
  for (const shapes::Dense& s : shapes::denses) {
    if (!s.timed) continue;
    const DenseParams p{.batch = s.batch,
                        .in = s.in,
                        .out = s.out,
                        .x_stride = s.in,
                        .weight_stride = s.in,
                        .y_stride = s.out,
                        .activation = Activation::relu};
    const auto x = bench::random_buffer(s.batch * s.in), dx = bench::buffer(s.batch * s.in);
    const auto weight = bench::random_buffer(s.out * s.in), dweight = bench::buffer(s.out * s.in);
    const auto bias = bench::random_buffer(s.out), dbias = bench::buffer(s.out);
    const auto y = bench::random_buffer(s.batch * s.out), dy = bench::random_buffer(s.batch * s.out);
    const auto workspace = bench::scratch(cpu::dense_workspace_bytes<float>(p));
    const double flops = 2.0 * static_cast<double>(s.steps());
    const double bytes = 4.0 * static_cast<double>(s.batch * s.in + s.in * s.out + s.batch * s.out);

    const std::string forward = "dense_forward/f32/" + s.name();
    bench::add(forward, flops, bytes, [=] {
      cpu::dense_forward<float>(p, x->data(), weight->data(), bias->data(), y->data(), workspace->data());
    });
    bench::add_openblas_product(forward, s.batch, s.out, s.in, false, true, x, weight, y, flops, bytes);
    bench::add_onednn_dense(forward, s.batch, s.in, s.out, x, weight, bias, y, flops, bytes);

    const auto backward = [=](GradMode of_x, GradMode of_weight) {
      cpu::dense_backward<float>(
          p, x->data(), weight->data(), y->data(), dy->data(),
          {.x = {dx->data(), of_x}, .weight = {dweight->data(), of_weight}, .bias = {dbias->data(), of_weight}},
          workspace->data());
    };
    const std::string input = "dense_input_gradient/f32/" + s.name();
    bench::add(input, flops, bytes, [=] { backward(GradMode::overwrite, GradMode::ignore); });
    bench::add_openblas_product(input, s.batch, s.in, s.out, false, false, dy, weight, dx, flops, bytes);

    const std::string weights = "dense_weight_gradient/f32/" + s.name();
    bench::add(weights, flops, bytes, [=] { backward(GradMode::ignore, GradMode::overwrite); });
    bench::add_openblas_product(weights, s.out, s.in, s.batch, true, false, dy, x, dweight, flops, bytes);
  }
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) {
  return plait::bench::run(argc, argv, plait::add_all);
}
