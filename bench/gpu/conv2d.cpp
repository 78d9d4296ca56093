// Convolutions in NHWC: forward with bias and ReLU, input gradient, weight gradient (C1); first layers, also fused with
// their pooling (C2).
#include "kernels/conv2d.h"

#include <algorithm>

#include "bench/gpu/memory.h"
#include "bench/gpu/reference.h"
#include "bench/gpu/rivals.h"
#include "bench/gpu/shapes.h"
#include "kernels/conv2d_stem.h"
#include "kernels/max_pool.h"

namespace plait::bench {
namespace {

Conv2dParams params(const shapes::Conv& s, ConvPass pass) {
  Conv2dParams p{.batch = s.batch,
                 .height = s.height,
                 .width = s.width,
                 .in_channels = s.in_channels,
                 .out_channels = s.out_channels,
                 .kernel_height = s.kernel_height,
                 .kernel_width = s.kernel_width,
                 .pad = s.pad,
                 .activation = pass == ConvPass::forward ? Activation::relu : Activation::identity};
  p.x_stride = s.height * s.width * s.in_channels;
  p.weight_stride = s.kernel_height * s.kernel_width * s.in_channels;
  p.y_stride = p.out_height() * p.out_width() * s.out_channels;
  return p;
}

// x, y (dy in the backward passes) and what is written.
template <class T>
Trial prepare(const Conv2dParams& p, ConvPass pass, double bytes, bool small, cudaStream_t stream) {
  struct Set {
    Array<T> x, y, dx;
  };
  const std::int64_t x_count = p.batch * p.x_stride, y_count = p.batch * p.y_stride;
  const std::int64_t w_count = p.out_channels * p.weight_stride;
  const Array<T> weight = normal_array<T>(w_count, 1, stream), bias = normal_array<T>(p.out_channels, 2, stream);
  const Array<T> rival_dweight(w_count);
  const Array<float> our_bias = normal_array<float>(p.out_channels, 2, stream), dweight(w_count);
  auto sets = std::make_shared<std::vector<Set>>();
  std::vector<ConvSet> pointers;
  for (int i = 0; i < sets_for(bytes, small); ++i) {
    const auto seed = static_cast<std::uint32_t>(10 * i);
    sets->push_back({pass == ConvPass::input_gradient ? Array<T>(0) : normal_array<T>(x_count, seed + 3, stream),
                     pass == ConvPass::forward ? Array<T>(y_count) : normal_array<T>(y_count, seed + 4, stream),
                     Array<T>(pass == ConvPass::input_gradient ? x_count : 0)});
    const Set& s = sets->back();
    const void* result = pass == ConvPass::forward          ? s.y.data()
                         : pass == ConvPass::input_gradient ? s.dx.data()
                                                            : rival_dweight.data();
    pointers.push_back({.x = s.x, .weight = weight, .y = s.y, .bias = bias, .result = const_cast<void*>(result)});
  }
  const Scratch scratch(static_cast<std::int64_t>(gpu::conv2d_workspace_bytes<T>(p)));
  Trial trial{.sets = static_cast<int>(sets->size())};
  trial.ours = [=](int i) {
    const Set& s = (*sets)[static_cast<std::size_t>(i)];
    gpu::Conv2dGradients<T> gradients;
    if (pass == ConvPass::input_gradient) gradients.x = {s.dx, GradMode::overwrite};
    if (pass == ConvPass::weight_gradient) gradients.weight = {dweight, GradMode::overwrite};
    if (pass == ConvPass::forward)
      gpu::conv2d_forward<T>(p, s.x, weight, our_bias, s.y, scratch, stream);
    else
      gpu::conv2d_backward<T>(p, s.x, weight, nullptr, s.y, gradients, scratch, stream);
  };
  trial.rivals = cudnn_convolutions(p, pass, sizeof(T) == 2, pointers, stream);
  const Set& first = (*sets)[0];
  trial.outputs = {pass == ConvPass::forward          ? first.y.output()
                   : pass == ConvPass::input_gradient ? first.dx.output()
                                                      : dweight.output()};
  trial.error = [=] {
    const Set& s = (*sets)[0];
    if (pass == ConvPass::forward) return conv2d_forward_error<T>(p, s.x, weight, our_bias, s.y, stream);
    if (pass == ConvPass::input_gradient) return conv2d_input_gradient_error<T>(p, weight, s.y, s.dx, stream);
    return conv2d_weight_gradient_error<T>(p, s.x, s.y, dweight, stream);
  };
  return trial;
}

Conv2dStemParams stem_params(const Conv2dParams& conv) {
  Conv2dStemParams p{.batch = conv.batch,
                     .height = conv.height,
                     .width = conv.width,
                     .in_channels = conv.in_channels,
                     .out_channels = conv.out_channels,
                     .kernel_height = conv.kernel_height,
                     .kernel_width = conv.kernel_width,
                     .pad = conv.pad,
                     .x_stride = conv.x_stride,
                     .weight_stride = conv.weight_stride,
                     .activation = Activation::relu};
  p.y_stride = p.out_height() * p.out_width() * p.out_channels;
  return p;
}

// Convolution, bias, ReLU and pooling in one kernel, beside cuDNN's convolution, bias and ReLU without the pooling.
template <class T>
Trial prepare_stem(const Conv2dParams& conv, double bytes, bool small, cudaStream_t stream) {
  const Conv2dStemParams p = stem_params(conv);
  struct Set {
    Array<T> x, y, unpooled;
    Array<std::uint8_t> argmax;
  };
  const Array<T> weight = normal_array<T>(p.out_channels * p.weight_stride, 1, stream);
  const Array<T> bias = normal_array<T>(p.out_channels, 2, stream);
  const Array<float> our_bias = normal_array<float>(p.out_channels, 2, stream);
  auto sets = std::make_shared<std::vector<Set>>();
  std::vector<ConvSet> pointers;
  for (int i = 0; i < sets_for(bytes, small); ++i) {
    sets->push_back({normal_array<T>(p.batch * p.x_stride, static_cast<std::uint32_t>(i + 3), stream),
                     Array<T>(p.batch * p.y_stride), Array<T>(p.batch * conv.y_stride),
                     Array<std::uint8_t>(p.batch * p.y_stride)});
    const Set& s = sets->back();
    pointers.push_back({.x = s.x, .weight = weight, .bias = bias, .result = s.unpooled});
  }
  Trial trial{.sets = static_cast<int>(sets->size())};
  trial.ours = [=](int i) {
    const Set& s = (*sets)[static_cast<std::size_t>(i)];
    gpu::conv2d_stem_forward<T>(p, s.x, weight, our_bias, s.y, s.argmax, stream);
  };
  trial.rivals = cudnn_convolutions(conv, ConvPass::forward, sizeof(T) == 2, pointers, stream);
  for (Rival& rival : trial.rivals) rival.name = "cudnn_without_pool";
  trial.outputs = {(*sets)[0].y.output(), (*sets)[0].argmax.output()};
  // In double the unpooled map would not fit: ours is taken (its own row says whether it is right), then pooled.
  trial.error = [=] {
    const Set& s = (*sets)[0];
    const Scratch scratch(static_cast<std::int64_t>(gpu::conv2d_workspace_bytes<T>(conv)));
    gpu::conv2d_forward<T>(conv, s.x, weight, our_bias, s.unpooled, scratch, stream);
    const MaxPoolParams pool{.batch = p.batch,
                             .height = p.conv_height(),
                             .width = p.conv_width(),
                             .channels = p.out_channels,
                             .x_stride = conv.y_stride,
                             .y_stride = p.y_stride};
    return max_pool_forward_error<T>(pool, s.unpooled, s.y, stream);
  };
  return trial;
}

// Weight and bias gradient from the pooled map's, beside cuDNN's weight gradient from a map of four times its size.
template <class T>
Trial prepare_stem_backward(const Conv2dParams& conv, double bytes, bool small, cudaStream_t stream) {
  const Conv2dStemParams p = stem_params(conv);
  struct Set {
    Array<T> x, dy, dense_dy;
    Array<std::uint8_t> argmax;
  };
  const std::int64_t weights = p.out_channels * p.weight_stride;
  const Array<T> weight = normal_array<T>(weights, 1, stream), rival_dweight(weights);
  const Array<float> bias = normal_array<float>(p.out_channels, 2, stream), dweight(weights), dbias(p.out_channels);
  const Array<T> y(p.batch * p.y_stride);
  auto sets = std::make_shared<std::vector<Set>>();
  std::vector<ConvSet> pointers;
  const MaxPoolParams pool{.batch = p.batch,
                           .height = p.conv_height(),
                           .width = p.conv_width(),
                           .channels = p.out_channels,
                           .x_stride = conv.y_stride,
                           .y_stride = p.y_stride};
  for (int i = 0; i < sets_for(bytes, small); ++i) {
    const auto seed = static_cast<std::uint32_t>(10 * i);
    sets->push_back({normal_array<T>(p.batch * p.x_stride, seed + 3, stream),
                     normal_array<T>(p.batch * p.y_stride, seed + 4, stream), Array<T>(p.batch * conv.y_stride),
                     Array<std::uint8_t>(p.batch * p.y_stride)});
    const Set& s = sets->back();
    gpu::conv2d_stem_forward<T>(p, s.x, weight, bias, y, s.argmax, stream);
    gpu::max_pool_backward<T>(pool, s.argmax, s.dy, {s.dense_dy, GradMode::overwrite}, stream);
    pointers.push_back({.x = s.x, .weight = weight, .y = s.dense_dy, .result = rival_dweight});
  }
  const Scratch scratch(static_cast<std::int64_t>(gpu::conv2d_stem_workspace_bytes<T>(p, false)));
  Trial trial{.sets = static_cast<int>(sets->size())};
  trial.ours = [=](int i) {
    const Set& s = (*sets)[static_cast<std::size_t>(i)];
    gpu::Conv2dGradients<T> gradients;
    gradients.weight = {dweight, GradMode::overwrite};
    gradients.bias = {dbias, GradMode::overwrite};
    gpu::conv2d_stem_backward<T>(p, s.x, weight, s.argmax, s.dy, gradients, scratch, stream);
  };
  trial.rivals = cudnn_convolutions(conv, ConvPass::weight_gradient, sizeof(T) == 2, pointers, stream);
  for (Rival& rival : trial.rivals) rival.name = "cudnn_without_pool";
  trial.outputs = {dweight.output(), dbias.output()};
  trial.error = [=] {
    const Set& s = (*sets)[0];
    const double weight_error = conv2d_weight_gradient_error<T>(conv, s.x, s.dense_dy, dweight, stream);
    const std::int64_t pixels = conv.batch * conv.out_height() * conv.out_width();
    return std::max(weight_error, column_sums_error<T>(pixels, p.out_channels, s.dense_dy, dbias, stream));
  };
  return trial;
}

void add_stem(Cases& cases, const shapes::Conv& shape, bool backward, bool half, bool small) {
  const shapes::Conv s = small ? shapes::shrunk(shape) : shape;
  const Conv2dParams p = params(s, backward ? ConvPass::weight_gradient : ConvPass::forward);
  const double element = half ? 2 : 4;
  const double pooled = static_cast<double>(p.batch * (p.out_height() / 2) * (p.out_width() / 2) * p.out_channels);
  const double bytes = element * static_cast<double>(p.batch * p.x_stride) + (element + 1) * pooled;
  const auto prepared = [=]<class T>(T, cudaStream_t stream) {
    return backward ? prepare_stem_backward<T>(p, bytes, small, stream) : prepare_stem<T>(p, bytes, small, stream);
  };
  // Backward multiplies one pixel of a window of four.
  const double products =
      backward ? pooled * static_cast<double>(p.weight_stride)
               : static_cast<double>(p.batch * p.out_height() * p.out_width() * p.out_channels * p.weight_stride);
  cases.push_back(
      {.section = "conv2d",
       .goal = "C2",
       .operation = backward ? "conv2d_stem_backward" : "conv2d_stem_forward",
       .dtype = half ? "bf16" : "fp32",
       .shape = s.name(),
       .flops = 2 * products,
       .bytes = bytes,
       .unit = half ? Unit::bf16 : Unit::fp32,
       .tolerance = backward ? 1e-4
                    : half   ? 3e-3
                             : 1e-5,
       .prepare = [=](cudaStream_t stream) { return half ? prepared(bf16{}, stream) : prepared(float{}, stream); }});
}

void add(Cases& cases, const char* goal, const shapes::Conv& shape, ConvPass pass, bool half, bool small) {
  const shapes::Conv s = small ? shapes::shrunk(shape) : shape;
  const Conv2dParams p = params(s, pass);
  const double element = half ? 2 : 4;
  const double images = element * static_cast<double>(p.batch) * static_cast<double>(p.x_stride + p.y_stride);
  const double weights = static_cast<double>(p.out_channels * p.weight_stride);
  const double bytes = images + weights * (pass == ConvPass::weight_gradient ? 4 : element);
  constexpr const char* names[] = {"conv2d_bias_relu", "conv2d_input_gradient", "conv2d_weight_gradient"};
  cases.push_back({.section = "conv2d",
                   .goal = goal,
                   .operation = names[static_cast<int>(pass)],
                   .dtype = half ? "bf16" : "fp32",
                   .shape = s.name(),
                   .flops = 2 * static_cast<double>(p.batch * p.out_height() * p.out_width()) * weights,
                   .bytes = bytes,
                   .unit = half ? Unit::bf16 : Unit::fp32,
                   // Rounding to bf16 where that is the result's type; chains in fp32 of up to 1.6 million pixels.
                   .tolerance = half && pass != ConvPass::weight_gradient ? 3e-3 : 1e-4,
                   .prepare = [=](cudaStream_t stream) {
                     return half ? prepare<bf16>(p, pass, bytes, small, stream)
                                 : prepare<float>(p, pass, bytes, small, stream);
                   }});
}

}  // namespace

void add_conv2d(Cases& cases, bool small) {
  for (const bool half : {true, false}) {
    for (const shapes::Conv& s : shapes::gpu_convs)
      for (const ConvPass pass : {ConvPass::forward, ConvPass::input_gradient, ConvPass::weight_gradient})
        add(cases, "C1", s, pass, half, small);
    for (const shapes::Conv& s : shapes::gpu_stems)  // nobody wants the gradient of an image
      for (const ConvPass pass : {ConvPass::forward, ConvPass::weight_gradient}) add(cases, "C2", s, pass, half, small);
    for (const shapes::Conv& s : shapes::gpu_stems)
      for (const bool backward : {false, true}) add_stem(cases, s, backward, half, small);
  }
}

}  // namespace plait::bench
