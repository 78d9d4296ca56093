// The convolution's passes with bias and ReLU, against oneDNN. A single gradient of ours reads y besides dy, because
// the ReLU's gradient is applied on the way; oneDNN does that in a pass of its own, which only conv2d_backward times.
#include "bench/compare.h"
#include "bench/rivals.h"
#include "bench/shapes.h"
#include "kernels/conv2d.h"

namespace plait {
namespace {

void add_all() {
  for (const shapes::Conv& s : shapes::convs) {
    if (!s.timed) continue;
    const std::int64_t pixels = s.height * s.width;
    const Conv2dParams p{.batch = s.batch,
                         .height = s.height,
                         .width = s.width,
                         .in_channels = s.in_channels,
                         .out_channels = s.out_channels,
                         .kernel_height = s.kernel_height,
                         .kernel_width = s.kernel_width,
                         .pad = s.pad,
                         .x_stride = pixels * s.in_channels,
                         .weight_stride = s.kernel_height * s.kernel_width * s.in_channels,
                         .y_stride = pixels * s.out_channels,
                         .activation = Activation::relu};
    const std::int64_t inputs = s.batch * p.x_stride, weights = s.out_channels * p.weight_stride;
    const std::int64_t outputs = s.batch * p.y_stride;
    const auto x = bench::random_buffer(inputs), dx = bench::buffer(inputs);
    const auto weight = bench::random_buffer(weights), dweight = bench::buffer(weights);
    const auto bias = bench::random_buffer(s.out_channels), dbias = bench::buffer(s.out_channels);
    const auto y = bench::random_buffer(outputs), dy = bench::random_buffer(outputs);
    const auto workspace = bench::scratch(cpu::conv2d_workspace_bytes<float>(p));
    const double flops = 2.0 * static_cast<double>(s.steps());
    const double bytes = 4.0 * static_cast<double>(inputs + weights + outputs);

    const std::string forward = "conv2d_forward/f32/" + s.name();
    bench::add(forward, flops, bytes, [=] {
      cpu::conv2d_forward<float>(p, x->data(), weight->data(), bias->data(), y->data(), workspace->data());
    });
    bench::add_onednn_convolution(forward, bench::Pass::forward, p, flops, bytes);

    const auto backward = [=](GradMode of_x, GradMode of_weight) {
      cpu::conv2d_backward<float>(
          p, x->data(), weight->data(), y->data(), dy->data(),
          {.x = {dx->data(), of_x}, .weight = {dweight->data(), of_weight}, .bias = {dbias->data(), of_weight}},
          workspace->data());
    };
    const double more_bytes = bytes + 4.0 * static_cast<double>(outputs);
    const std::string input = "conv2d_input_gradient/f32/" + s.name();
    bench::add(input, flops, more_bytes, [=] { backward(GradMode::overwrite, GradMode::ignore); });
    bench::add_onednn_convolution(input, bench::Pass::input_gradient, p, flops, bytes);

    const std::string weight_name = "conv2d_weight_gradient/f32/" + s.name();
    bench::add(weight_name, flops, more_bytes, [=] { backward(GradMode::ignore, GradMode::overwrite); });
    bench::add_onednn_convolution(weight_name, bench::Pass::weight_gradient, p, flops, bytes);

    const std::string both = "conv2d_backward/f32/" + s.name();
    const bool first = bench::is_first_layer(p);
    const double both_flops = first ? flops : 2 * flops, both_bytes = first ? more_bytes : more_bytes + bytes;
    bench::add(both, both_flops, both_bytes,
               [=] { backward(first ? GradMode::ignore : GradMode::overwrite, GradMode::overwrite); });
    bench::add_onednn_convolution(both, bench::Pass::backward, p, both_flops, both_bytes);
  }
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) {
  return plait::bench::run(argc, argv, plait::add_all);
}
