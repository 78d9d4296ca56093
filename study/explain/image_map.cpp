#include "study/explain/image_map.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "io/data/loader.h"
#include "study/explain/game.h"
#include "study/explain/output_gradient.h"

namespace plait {
namespace {

// A batch of one patient. It must not outlive the loader.
class OnePatient {
 public:
  OnePatient(const Dataset& dataset, std::int64_t patient)
      : loader_(dataset, {patient}, {.batch_size = 1, .shuffle = false, .prefetch = false}) {
    loader_.start_epoch(0);
    batch_ = loader_.next();
  }
  const Batch& batch() const { return *batch_; }

 private:
  Loader loader_;
  const Batch* batch_;
};

// f at the middle of pixel `at` of `to`, from samples at the middles of `from` pixels.
struct Between {
  std::int64_t below, above;
  double share;
};
Between between(std::int64_t at, std::int64_t to, std::int64_t from) {
  const double place = (static_cast<double>(at) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
  const double clamped = std::clamp(place, 0.0, static_cast<double>(from - 1));
  const auto below = static_cast<std::int64_t>(clamped);
  return {below, std::min(below + 1, from - 1), clamped - static_cast<double>(below)};
}

ImageMap resized(const ImageMap& map, std::int64_t height, std::int64_t width) {
  ImageMap out{height, width, {}};
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x) {
      const Between v = between(y, height, map.height), h = between(x, width, map.width);
      const auto at = [&](std::int64_t row, std::int64_t column) {
        return map.values[static_cast<std::size_t>(row * map.width + column)];
      };
      out.values.push_back(std::lerp(std::lerp(at(v.below, h.below), at(v.below, h.above), h.share),
                                     std::lerp(at(v.above, h.below), at(v.above, h.above), h.share), v.share));
    }
  return out;
}

// The patient's rows again and again, and one modality's values free to be changed.
class RepeatedPatient {
 public:
  RepeatedPatient(const Batch& one, std::size_t modality, std::int64_t size) : modality_(modality) {
    batch_ = one;
    batch_.size = batch_.patients = size;
    batch_.available = repeat(one.available, size);
    batch_.rows = repeat(one.rows, size);
    for (ModalityBatch& data : batch_.modalities) {
      data.values = repeat(data.values, size);
      data.observed = Tensor{};
    }
    source_ = one.modalities[modality].values;
  }
  const Batch& batch() const { return batch_; }
  // The modality's values of a row, as they are in the patient.
  float* restore(std::int64_t row) {
    const Tensor& to = batch_.modalities[modality_].values;
    float* at = to.as<float>() + row * to.row_stride;
    std::copy_n(source_.as<float>(), source_.columns(), at);
    return at;
  }

 private:
  Tensor repeat(const Tensor& t, std::int64_t size) {
    if (t.empty()) return t;
    std::vector<std::int64_t> dims = t.shape.dims();
    const auto dim = [&](std::size_t i) { return dims[i]; };
    const Shape shape = dims.size() == 1   ? Shape{size}
                        : dims.size() == 2 ? Shape{size, dim(1)}
                                           : Shape{size, dim(1), dim(2), dim(3)};
    const Tensor all = memory_.tensor(shape, t.dtype);
    const std::int64_t stride = dims.size() == 1 ? 1 : all.row_stride;  // vectors are read without gaps
    const std::size_t row = static_cast<std::size_t>(t.columns()) * dtype_size(t.dtype);
    for (std::int64_t i = 0; i < size; ++i)
      std::copy_n(static_cast<const std::byte*>(t.data), row,
                  static_cast<std::byte*>(all.data) + static_cast<std::size_t>(i * stride) * dtype_size(t.dtype));
    return all;
  }

  Arena memory_;
  std::size_t modality_;
  Batch batch_;
  Tensor source_;
};

// Of every row, the explained output.
std::vector<double> outputs_of(const MultimodalModel& model, const TargetFit& target, Tape& tape, const Batch& batch,
                               std::size_t explained) {
  tape.reset();
  const Tensor logits = model.forward(tape, StepContext{}, batch).logits.data;
  std::vector<double> values(static_cast<std::size_t>(model.outputs())), all;
  for (std::int64_t i = 0; i < batch.patients; ++i) {
    output_values(target, {logits.as<float>() + i * logits.row_stride, values.size()}, values);
    all.push_back(values[explained]);
  }
  return all;
}

// Where squares of `patch` begin along a side, the last one flush with its end.
std::vector<std::int64_t> places(std::int64_t side, std::int64_t patch) {
  std::vector<std::int64_t> all;
  const std::int64_t stride = std::max<std::int64_t>(1, patch / 2);
  for (std::int64_t at = 0; at + patch < side; at += stride) all.push_back(at);
  all.push_back(std::max<std::int64_t>(0, side - patch));
  return all;
}

}  // namespace

std::vector<std::size_t> map_modalities(const MultimodalModel& model) {
  std::vector<std::size_t> all;
  for (std::size_t m = 0; m < model.config().inputs.size(); ++m)
    if (model.config().inputs[m].kind == ModalityKind::image &&
        (model.only_modality() < 0 || model.only_modality() == static_cast<int>(m)))
      all.push_back(m);
  return all;
}

ImageMap grad_cam(const MultimodalModel& model, const Dataset& dataset, std::int64_t patient, std::size_t modality,
                  std::size_t explained) {
  const OnePatient one(dataset, patient);
  Arena arena;
  Tape tape(arena);
  tape.differentiate_inputs();
  tape.reset();
  MultimodalModel::Forward forward = model.encode(tape, one.batch());
  const Tensor& available = one.batch().available;
  model.combine(tape, one.batch(), available, forward);
  const Value map = forward.inputs[modality].map;
  if (map.data.empty()) return {};
  const std::int64_t output[] = {static_cast<std::int64_t>(explained)};
  seed_outputs(tape, model, dataset.target_fit(), forward, available, output);
  tape.backward();
  const Shape& shape = map.data.shape;
  const std::int64_t pixels = shape[1] * shape[2], channels = shape[3];
  const float *activation = map.data.as<float>(), *gradient = tape.gradient(map).as<float>();
  std::vector<double> weight(static_cast<std::size_t>(channels), 0.0);
  for (std::int64_t p = 0; p < pixels; ++p)
    for (std::int64_t c = 0; c < channels; ++c)
      weight[static_cast<std::size_t>(c)] +=
          static_cast<double>(gradient[p * channels + c]) / static_cast<double>(pixels);
  ImageMap small{shape[1], shape[2], {}};
  for (std::int64_t p = 0; p < pixels; ++p) {
    double sum = 0.0;
    for (std::int64_t c = 0; c < channels; ++c)
      sum += weight[static_cast<std::size_t>(c)] * static_cast<double>(activation[p * channels + c]);
    small.values.push_back(std::max(0.0, sum));
  }
  const InputShape& input = model.config().inputs[modality];
  return resized(small, input.height, input.width);
}

ImageMap occlusion_map(const MultimodalModel& model, const Dataset& dataset, std::int64_t patient, std::size_t modality,
                       std::size_t explained) {
  constexpr std::int64_t rows = 64;
  const OnePatient one(dataset, patient);
  const InputShape& input = model.config().inputs[modality];
  const std::int64_t patch = std::max<std::int64_t>(2, (std::min(input.height, input.width) + 7) / 8);
  const std::vector<std::int64_t> down = places(input.height, patch), across = places(input.width, patch);
  RepeatedPatient repeated(one.batch(), modality, rows);
  Arena arena;
  Tape tape(arena, false);
  const double whole = outputs_of(model, dataset.target_fit(), tape, one.batch(), explained)[0];
  ImageMap map{input.height, input.width, std::vector<double>(static_cast<std::size_t>(input.height * input.width))};
  std::vector<double> covered(map.values.size(), 0.0);
  const auto each_pixel = [&](std::size_t square, const auto& f) {
    const std::int64_t top = down[square / across.size()], left = across[square % across.size()];
    for (std::int64_t y = top; y < std::min(top + patch, input.height); ++y)
      for (std::int64_t x = left; x < std::min(left + patch, input.width); ++x) f(y * input.width + x);
  };
  const std::size_t squares = down.size() * across.size();
  for (std::size_t first = 0; first < squares; first += rows) {
    const std::size_t count = std::min<std::size_t>(rows, squares - first);
    for (std::size_t s = 0; s < count; ++s) {
      float* image = repeated.restore(static_cast<std::int64_t>(s));
      each_pixel(first + s, [&](std::int64_t p) { std::fill_n(image + p * input.channels, input.channels, 0.0f); });
    }
    const std::vector<double> values = outputs_of(model, dataset.target_fit(), tape, repeated.batch(), explained);
    for (std::size_t s = 0; s < count; ++s)
      each_pixel(first + s, [&](std::int64_t p) {
        map.values[static_cast<std::size_t>(p)] += whole - values[s];
        covered[static_cast<std::size_t>(p)] += 1.0;
      });
  }
  for (std::size_t p = 0; p < covered.size(); ++p) map.values[p] /= covered[p];
  return map;
}

std::vector<double> stretched_image(const Dataset& dataset, std::int64_t patient, std::size_t modality) {
  const OnePatient one(dataset, patient);
  const Tensor& values = one.batch().modalities[modality].values;
  const DatasetModality& data = dataset.modalities()[modality];
  std::vector<double> image;
  for (std::int64_t e = 0; e < values.columns(); ++e) {  // back from (v - mean) * scale
    const auto c = static_cast<std::size_t>(e % data.period);
    image.push_back(static_cast<double>(values.as<float>()[e]) / static_cast<double>(data.scale[c]) +
                    static_cast<double>(data.mean[c]));
  }
  const auto [low, high] = std::minmax_element(image.begin(), image.end());
  const double darkest = *low, range = *high > darkest ? *high - darkest : 1.0;
  for (double& value : image) value = (value - darkest) / range;
  return image;
}

}  // namespace plait
