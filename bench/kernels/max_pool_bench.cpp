// 2x2 max-pooling, against oneDNN on the same NHWC images.
#include <cstring>

#include "bench/compare.h"
#include "bench/rivals.h"
#include "bench/shapes.h"
#include "kernels/max_pool.h"

namespace plait {
namespace {

void add_all() {
  for (const shapes::Pool& s : shapes::pools) {
    if (!s.timed) continue;
    MaxPoolParams p{.batch = s.batch, .height = s.height, .width = s.width, .channels = s.channels};
    p.x_stride = s.height * s.width * s.channels;
    p.y_stride = p.out_height() * p.out_width() * s.channels;
    const std::int64_t outputs = s.batch * p.y_stride;
    const auto x = bench::random_buffer(s.elements()), dx = bench::buffer(s.elements());
    const auto y = bench::buffer(outputs), dy = bench::random_buffer(outputs);
    const auto argmax = bench::scratch(static_cast<std::size_t>(outputs));
    const auto where = [argmax] { return reinterpret_cast<std::uint8_t*>(argmax->data()); };
    const double bytes = 4.0 * static_cast<double>(s.elements()) + 5.0 * static_cast<double>(outputs);

    const std::string forward = "max_pool_forward/f32/" + s.name();
    bench::add(forward, 0, bytes, [=] { cpu::max_pool_forward<float>(p, x->data(), y->data(), where()); });
    bench::add_onednn_pool(forward, bench::Pass::forward, p, bytes);

    const std::string backward = "max_pool_backward/f32/" + s.name();
    bench::add(backward, 0, bytes, [=] {
      cpu::max_pool_backward<float>(p, where(), dy->data(), {.data = dx->data(), .mode = GradMode::overwrite});
    });
    bench::add_onednn_pool(backward, bench::Pass::input_gradient, p, bytes);
  }
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) {
  return plait::bench::run(argc, argv, plait::add_all);
}
