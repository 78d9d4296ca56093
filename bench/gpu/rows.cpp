// What moves rows: the batch gathered from a cohort on the device, the gate of a modality, dropout.
#include "bench/gpu/memory.h"
#include "bench/gpu/reference.h"
#include "bench/gpu/shapes.h"
#include "kernels/dropout.h"
#include "kernels/gather.h"
#include "kernels/select_rows.h"

namespace plait::bench {
namespace {

enum class What { gather_normalise, select_rows, dropout_forward };

// Table of twice as many patients, float; batch in bf16.
Trial gather(const shapes::Rows& s, cudaStream_t stream) {
  const std::int64_t patients = 2 * s.batch;
  const Array<float> source = normal_array<float>(patients * s.columns, 1, stream);
  const Array<float> fill = normal_array<float>(s.columns, 2, stream), mean = normal_array<float>(s.columns, 3, stream);
  const Array<float> scale = normal_array<float>(s.columns, 4, stream);
  std::vector<std::int64_t> rows(
      static_cast<std::size_t>(2 * s.batch));  // two shuffled batches without a row in common
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i] = static_cast<std::int64_t>(i * 2654435761u % static_cast<std::size_t>(patients));
  const Array<std::int64_t> index(rows, stream);
  const std::vector<Array<bf16>> y{Array<bf16>(s.batch * s.columns), Array<bf16>(s.batch * s.columns)};
  const GatherParams p{.batch = s.batch,
                       .columns = s.columns,
                       .source_stride = s.columns,
                       .y_stride = s.columns,
                       .observed_stride = s.columns,
                       .period = s.columns};
  Trial trial{.sets = 2};
  trial.ours = [=](int i) {
    gpu::gather_normalise<float, bf16>(p, source, index.data() + i * s.batch, fill, mean, scale,
                                       y[static_cast<std::size_t>(i)], nullptr, stream);
  };
  trial.outputs = {y[0].output()};
  trial.error = [=] { return gather_error({s.batch, s.columns, source, index, fill, mean, scale}, y[0], stream); };
  return trial;
}

template <class T>
Trial prepare(What what, const shapes::Rows& s, double bytes, bool small, cudaStream_t stream) {
  const std::int64_t count = s.batch * s.columns;
  auto x = std::make_shared<std::vector<Array<T>>>(), y = std::make_shared<std::vector<Array<T>>>();
  for (int i = 0; i < sets_for(bytes, small); ++i) {
    x->push_back(normal_array<T>(count, static_cast<std::uint32_t>(i + 1), stream));
    y->emplace_back(count);
  }
  std::vector<std::uint32_t> numbers(static_cast<std::size_t>(s.batch));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint32_t>(i);
  const Array<std::uint32_t> rows(numbers, stream), step(std::vector<std::uint32_t>{1}, stream);
  const Array<ModalityMask> available(std::vector<ModalityMask>(numbers.size(), 2), stream);
  const float rate = 0.25f;
  Trial trial{.sets = static_cast<int>(x->size())};
  trial.ours = [=](int i) {
    const auto set = static_cast<std::size_t>(i);
    if (what == What::select_rows)
      gpu::select_rows<T>(
          {.batch = s.batch, .columns = s.columns, .x_stride = s.columns, .y_stride = s.columns, .modality = 1},
          available, (*x)[set], (*y)[set], stream);
    else
      gpu::dropout_forward<T>({.batch = s.batch, .columns = s.columns, .stride = s.columns, .rate = rate},
                              {.seed = 1, .step = step, .rows = rows, .site = 1}, (*x)[set], (*y)[set], stream);
  };
  trial.outputs = {(*y)[0].output()};
  trial.error = [=] {
    const double factor = what == What::select_rows ? 1.0 : 1.0 / (1.0 - static_cast<double>(rate));
    return scaled_error<T>(count, factor, (*x)[0], (*y)[0], stream);
  };
  return trial;
}

}  // namespace

void add_rows(Cases& cases, bool small) {
  constexpr const char* names[] = {"gather_normalise", "select_rows", "dropout_forward"};
  for (const shapes::Rows& shape : shapes::gpu_rows)
    for (const What what : {What::gather_normalise, What::select_rows, What::dropout_forward})
      for (const bool half : {true, false}) {
        if (what == What::gather_normalise && !half) continue;
        const shapes::Rows s = small ? shapes::shrunk(shape) : shape;
        const double element = what == What::gather_normalise ? 6 : half ? 4 : 8;  // read and written
        const double bytes = static_cast<double>(s.batch * s.columns) * element;
        cases.push_back({.section = "rows",
                         .goal = "M3",
                         .operation = names[static_cast<int>(what)],
                         .dtype = half ? "bf16" : "fp32",
                         .shape = s.name(),
                         .flops = 0,
                         .bytes = bytes,
                         .unit = Unit::none,
                         .tolerance = half ? 3e-3 : 1e-6,
                         .prepare = [=](cudaStream_t stream) {
                           if (what == What::gather_normalise) return gather(s, stream);
                           return half ? prepare<bf16>(what, s, bytes, small, stream)
                                       : prepare<float>(what, s, bytes, small, stream);
                         }});
      }
}

}  // namespace plait::bench
