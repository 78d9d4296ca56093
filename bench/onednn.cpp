#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bench/rivals.h"

namespace plait::bench {
namespace {

using Dims = dnnl::memory::dims;
using Format = dnnl::memory::format_tag;
using Arguments = std::unordered_map<int, dnnl::memory>;

struct Engine {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

const std::shared_ptr<Engine>& shared_engine() {
  static const auto engine = std::make_shared<Engine>();
  return engine;
}

dnnl::memory::desc describe(const Dims& dims, Format format) {
  return {dims, dnnl::memory::data_type::f32, format};
}

// Memory of the layout that the primitive wants, filled with random numbers.
dnnl::memory random_memory(const dnnl::memory::desc& layout) {
  dnnl::memory memory(layout, shared_engine()->engine);
  const auto count = static_cast<std::int64_t>(layout.get_size() / sizeof(float));
  Buffer values(count, true);
  std::copy_n(values.data(), count, static_cast<float*>(memory.get_data_handle()));
  return memory;
}

struct Step {
  dnnl::primitive primitive;
  Arguments arguments;
};

void add_primitives(const std::string& name, double flops, double bytes, std::vector<Step> steps) {
  add(name + "/onednn", flops, bytes, [engine = shared_engine(), steps = std::move(steps)] {
    for (const Step& step : steps) step.primitive.execute(engine->stream, step.arguments);
    engine->stream.wait();
  });
}

void add_primitive(const std::string& name, double flops, double bytes, dnnl::primitive primitive,
                   Arguments arguments) {
  add_primitives(name, flops, bytes, {{std::move(primitive), std::move(arguments)}});
}

dnnl::primitive_attr with_relu() {
  dnnl::post_ops operations;
  operations.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(operations);
  return attributes;
}

}  // namespace

void set_onednn_threads(int threads) {
  omp_set_num_threads(threads);
}

void add_onednn_dense(const std::string& name, std::int64_t batch, std::int64_t in, std::int64_t out, const Shared& x,
                      const Shared& weight, const Shared& bias, const Shared& y, double flops, double bytes) {
  const auto& engine = shared_engine()->engine;
  const auto src = describe({batch, in}, Format::nc), w = describe({out, in}, Format::oi);
  const auto b = describe({out}, Format::x), dst = describe({batch, out}, Format::nc);
  const dnnl::inner_product_forward::desc operation(dnnl::prop_kind::forward_training, src, w, b, dst);
  const dnnl::inner_product_forward::primitive_desc chosen(operation, with_relu(), engine);
  add_primitive(name, flops, bytes, dnnl::inner_product_forward(chosen),
                {{DNNL_ARG_SRC, {src, engine, x->data()}},
                 {DNNL_ARG_WEIGHTS, {w, engine, weight->data()}},
                 {DNNL_ARG_BIAS, {b, engine, bias->data()}},
                 {DNNL_ARG_DST, {dst, engine, y->data()}}});
}

void add_onednn_convolution(const std::string& name, Pass pass, const Conv2dParams& p, double flops, double bytes) {
  const auto& engine = shared_engine()->engine;
  const auto src = describe({p.batch, p.in_channels, p.height, p.width}, Format::any);
  const auto weights = describe({p.out_channels, p.in_channels, p.kernel_height, p.kernel_width}, Format::any);
  const auto bias = describe({p.out_channels}, Format::x);
  const auto dst = describe({p.batch, p.out_channels, p.out_height(), p.out_width()}, Format::any);
  const Dims strides = {1, 1}, padding = {p.pad, p.pad};
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, algorithm, src, weights, bias, dst, strides, padding, padding}, with_relu(),
      engine);
  if (pass == Pass::forward) {
    return add_primitives(name, flops, bytes,
                          {{dnnl::convolution_forward(forward),
                            {{DNNL_ARG_SRC, random_memory(forward.src_desc())},
                             {DNNL_ARG_WEIGHTS, random_memory(forward.weights_desc())},
                             {DNNL_ARG_BIAS, random_memory(forward.bias_desc())},
                             {DNNL_ARG_DST, random_memory(forward.dst_desc())}}}});
  }
  const dnnl::convolution_backward_weights::primitive_desc of_weights(
      {algorithm, src, weights, bias, dst, strides, padding, padding}, engine, forward);
  const auto layout = of_weights.diff_dst_desc();
  const dnnl::memory y = random_memory(layout), dy = random_memory(layout), dz = random_memory(layout);
  std::vector<Step> steps;
  if (pass == Pass::backward) {
    const auto relu = dnnl::algorithm::eltwise_relu_use_dst_for_bwd;
    const dnnl::eltwise_forward::primitive_desc hint({dnnl::prop_kind::forward_training, relu, layout, 0.0f, 0.0f},
                                                     engine);
    const dnnl::eltwise_backward::primitive_desc of_relu({relu, layout, layout, 0.0f, 0.0f}, engine, hint);
    steps.push_back(
        {dnnl::eltwise_backward(of_relu), {{DNNL_ARG_DST, y}, {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_SRC, dz}}});
  }
  if (pass != Pass::input_gradient) {
    steps.push_back({dnnl::convolution_backward_weights(of_weights),
                     {{DNNL_ARG_SRC, random_memory(of_weights.src_desc())},
                      {DNNL_ARG_DIFF_WEIGHTS, random_memory(of_weights.diff_weights_desc())},
                      {DNNL_ARG_DIFF_BIAS, random_memory(of_weights.diff_bias_desc())},
                      {DNNL_ARG_DIFF_DST, dz}}});
  }
  if (pass == Pass::input_gradient || (pass == Pass::backward && !is_first_layer(p))) {
    const dnnl::convolution_backward_data::primitive_desc of_input(
        {algorithm, src, weights, layout, strides, padding, padding}, engine, forward);
    steps.push_back({dnnl::convolution_backward_data(of_input),
                     {{DNNL_ARG_DIFF_SRC, random_memory(of_input.diff_src_desc())},
                      {DNNL_ARG_WEIGHTS, random_memory(of_input.weights_desc())},
                      {DNNL_ARG_DIFF_DST, dz}}});
  }
  add_primitives(name, flops, bytes, std::move(steps));
}

void add_onednn_pool(const std::string& name, Pass pass, const MaxPoolParams& p, double bytes) {
  const auto& engine = shared_engine()->engine;
  const auto src = describe({p.batch, p.channels, p.height, p.width}, Format::nhwc);
  const auto dst = describe({p.batch, p.channels, p.out_height(), p.out_width()}, Format::nhwc);
  const Dims two = {2, 2}, none = {0, 0};
  const auto algorithm = dnnl::algorithm::pooling_max;
  const dnnl::pooling_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, algorithm, src, dst, two, two, none, none}, engine);
  dnnl::memory from = random_memory(src), to = random_memory(dst), workspace(forward.workspace_desc(), engine);
  const dnnl::pooling_forward run_forward(forward);
  Arguments arguments = {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}, {DNNL_ARG_WORKSPACE, workspace}};
  run_forward.execute(shared_engine()->stream, arguments);
  shared_engine()->stream.wait();
  if (pass == Pass::forward) {
    add_primitive(name, 0, bytes, run_forward, arguments);
  } else {
    const dnnl::pooling_backward::primitive_desc chosen({algorithm, src, dst, two, two, none, none}, engine, forward);
    add_primitive(name, 0, bytes, dnnl::pooling_backward(chosen),
                  {{DNNL_ARG_DIFF_SRC, from}, {DNNL_ARG_DIFF_DST, to}, {DNNL_ARG_WORKSPACE, workspace}});
  }
}

}  // namespace plait::bench
